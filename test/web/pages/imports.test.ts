import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually, work } from '../../support/jobs.ts'
import { startRowsSite } from '../../support/rows-site.ts'
import { waitForReplica } from '../../support/servers.ts'

const elsewhere = await startRowsSite(untilFileEnds())
const site = await startTestApp(untilFileEnds(), {
  IMPORT_MB_MAX: '5',
  PRIVATE_ADDRESSES: '127.0.0.1',
  GOOGLE_SHEETS_URL: elsewhere.url,
})
work(site)
const owner = await site.user()
const stranger = await site.user()

async function infosOf(projectId: number) {
  return rowsOf<{ info: unknown; n_answers: number; priority_0: number }>(
    site,
    'select info, n_answers, priority_0 from task where project_id = $1 order by id',
    [projectId],
  )
}

/** Sends a list and follows to its preview. */
async function preview(path: string, list: { text?: string; file?: string; name?: string }) {
  const request = owner.http.post(path)
  if (list.file === undefined) void request.field('text', list.text ?? '')
  else void request.attach('file', Buffer.from(list.file), list.name ?? 'list.csv')
  const { headers } = await request.expect(302)
  await waitForReplica()
  return String(headers['location'])
}

/** Confirms a preview and waits until the import has ended. */
async function confirm(draft: string, form: Record<string, string> = {}): Promise<void> {
  await owner.http.post(draft).type('form').send(form).expect(302).expect('Location', draft)
  await untilEnded(draft)
}

async function untilEnded(address: string): Promise<void> {
  await eventually(async () => {
    const [row] = await rowsOf<{ state: string }>(site, 'select state from task_import where id = $1', [
      address.split('/').at(-1),
    ])
    return row !== undefined && ['draft', 'done', 'failed'].includes(row.state)
  })
  await waitForReplica()
}

test('a CSV is shown as what it becomes, and stored only when that is confirmed, once', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  await owner.http.get(path).expect(200)
  const file =
    'picture,place,n_answers,priority_0\r\n001.jpg,"A, b",5,0.5\r\n002.jpg,,2,0\r\n001.jpg,"A, b",5,0.5\r\n'
  const draft = await preview(path, { file })
  const page = await owner.http.get(draft).expect(200)
  for (const shown of ['001.jpg', 'A, b', 'picture', 'Answers wanted'])
    assert.ok(page.text.includes(shown), shown)
  assert.deepEqual(await infosOf(project.id), [])

  await confirm(draft, { redundancy: '3', 'column-1': 'ignore' })
  assert.deepEqual(await infosOf(project.id), [
    { info: { picture: '001.jpg' }, n_answers: 5, priority_0: 0.5 },
    { info: { picture: '002.jpg' }, n_answers: 2, priority_0: 0 },
  ])
  await waitForReplica()
  await owner.http.get(draft).expect(200, /2/)
  await owner.http.post(draft).type('form').send({}).expect(302).expect('Location', draft)
  assert.equal((await infosOf(project.id)).length, 2)

  const again = await preview(path, { file })
  await owner.http.get(again).expect(200, /0/)
  await confirm(again, { 'column-1': 'ignore' })
  assert.equal((await infosOf(project.id)).length, 2)
})

test('pasted rows and JSON lists are read as well', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const pasted = await preview(path, { text: 'a;b\n1;2\n' })
  await confirm(pasted)
  const json = await preview(path, { file: '[{"info": {"x": 1}}, {"info": {"x": 2}}]', name: 'tasks.json' })
  await owner.http.get(json).expect(200)
  await confirm(json, { redundancy: '7' })
  assert.deepEqual(
    (await infosOf(project.id)).map(({ info, n_answers: n }) => [info, n]),
    [
      [{ a: '1', b: '2' }, 3],
      [{ x: 1 }, 7],
      [{ x: 2 }, 7],
    ],
  )
})

test('a list with faults says row and column, and imports nothing', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const ragged = await preview(path, { file: 'a,b\n1,2\n3\n' })
  const page = await owner.http.get(ragged).expect(200)
  assert.match(page.text, /row 3|line 3/i)
  for (const offered of ['Check with these columns', 'Add tasks', '<select', 'Answers wanted'])
    assert.ok(!page.text.replace(/<nav[\s\S]*?<\/nav>/g, '').includes(offered), offered)
  assert.match(page.text, /Choose another file/)
  await owner.http.post(ragged).type('form').send({}).expect(422)
  const wrongType = await preview(path, { file: 'a,n_answers\n1,many\n' })
  await owner.http.get(wrongType).expect(200, /n_answers/)
  assert.deepEqual(await infosOf(project.id), [])
})

/** What a preview shows as chosen for a column. */
function chosenUse(text: string, column: number): string | undefined {
  const [menu = ''] = new RegExp(`<select id="column-${column}"[\\s\\S]*?</select>`).exec(text) ?? []
  return /value="(\w+)" selected/.exec(menu)?.[1]
}

test('a refused confirmation keeps the choices, says why beside them, and can be sent again', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const draft = await preview(path, { file: 'a,n_answers\n1,many\n' })
  await owner.http.get(draft).expect(200, /choose below what its columns become/)

  const send = (form: Record<string, string>) => owner.http.post(draft).type('form').send(form)
  const tooMany = await send({ 'column-0': 'ignore', 'column-1': 'data', redundancy: '1001' }).expect(422)
  assert.match(tooMany.text, /id="redundancy-error"[\s\S]*Between 1 and 1,000/)
  assert.match(tooMany.text, /name="redundancy"[^>]*value="1001"/)
  assert.deepEqual([chosenUse(tooMany.text, 0), chosenUse(tooMany.text, 1)], ['ignore', 'data'])
  const noData = await send({ 'column-0': 'ignore', redundancy: '4' }).expect(422, /no column becomes data/)
  assert.equal(chosenUse(noData.text, 0), 'ignore')
  assert.match(noData.text, /name="redundancy" type="hidden" value="4"/)
  const checked = await send({ 'column-1': 'data', redundancy: '4', check: 'on' }).expect(200)
  assert.match(
    checked.text,
    /This is the only row\. Nothing is saved yet\.[\s\S]*value="4"[\s\S]*Add 1 task</,
  )
  assert.equal(chosenUse(checked.text, 1), 'data')
  const unmended = await send({ 'column-1': 'quorum', check: 'on' }).expect(200)
  assert.match(unmended.text, /1 problem[\s\S]*Check with these columns/)
  await send({ 'column-0': 'nonsense', 'column-1': 'nonsense' }).expect(422, /many/)
  assert.deepEqual(await infosOf(project.id), [])

  await send({ 'column-1': 'data', redundancy: '4' }).expect(302)
  await untilEnded(draft)
  assert.deepEqual(await infosOf(project.id), [
    { info: { a: '1', n_answers: 'many' }, n_answers: 4, priority_0: 0 },
  ])
})

test('what the project had and what the list repeats are counted apart', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const done = async (text: string) => {
    const draft = await preview(path, { text })
    await confirm(draft)
    await waitForReplica()
    const { text: page } = await owner.http.get(draft).expect(200)
    const json = await owner.http.get(draft).query({ response_format: 'json' }).expect(200)
    const { added, skipped, known, repeated } = json.body as Record<string, number>
    return { page, counts: [added, skipped, known, repeated] }
  }
  const first = await done('a\n1\n2\n1\n1\n')
  assert.deepEqual(first.counts, [2, 2, 0, 2])
  assert.match(first.page, /2 are repeats within the list/)
  // A repeat of what the project has is one row that it has and one repeat.
  const second = await done('a\n1\n3\n1\n')
  assert.deepEqual(second.counts, [1, 2, 1, 1])
  assert.match(second.page, /1 was in the project already.*1 is a repeat within the list/s)
  assert.deepEqual((await done('a\n4\n')).counts, [1, 0, 0, 0])
})

test('a list that is confirmed twice at once is imported once', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const draft = await preview(`/project/${project.shortName}/tasks/import`, { text: 'a\n1\n2\n' })
  const [first, second] = await Promise.all(
    [1, 2].map(() => owner.http.post(draft).type('form').send({ redundancy: '2' })),
  )
  assert.deepEqual([first?.status, second?.status], [302, 302])
  await untilEnded(draft)
  assert.equal((await infosOf(project.id)).length, 2)
})

test('an import of a kind that is no longer known is gone', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const draft = await preview(`/project/${project.shortName}/tasks/import`, { text: 'a\n1\n' })
  await rowsOf(site, `update task_import set importer = 'gone' where project_id = $1`, [project.id])
  await waitForReplica()
  await owner.http.get(draft).expect(404)
})

test('a form that a browser sends without a chosen file is read for its pasted rows', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const body = ['--x', 'Content-Disposition: form-data; name="file"; filename=""']
    .concat(['Content-Type: application/octet-stream', '', ''])
    .concat(['--x', 'Content-Disposition: form-data; name="text"', '', 'a\r\n1\r\n', '--x--', ''])
    .join('\r\n')
  await owner.http
    .post(`/project/${project.shortName}/tasks/import`)
    .set('Content-Type', 'multipart/form-data; boundary=x')
    .send(body)
    .expect(302)
})

test('an upload without a file, or one that is no form, is refused with what to do', async () => {
  const project = await draftProject(site, owner)
  const path = `/project/${project.shortName}/tasks/import`
  await owner.http
    .post(path)
    .field('text', '  ')
    .expect(422, /Choose a file, or paste rows/)
  await owner.http
    .post(path)
    .set('Content-Type', 'multipart/form-data; boundary=x')
    .send('nonsense')
    .expect(422)
  await owner.http
    .post(path)
    .field('text', 'kept,rows')
    .attach('file', Buffer.alloc(6 * 1024 * 1024, 'a'), 'big.csv')
    .expect(413, /id="file-error">.*5 MB is the most/)
})

test('imports belong to their project and its owners', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const other = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const draft = await preview(path, { text: 'a,b\n1,2\n' })
  const id = draft.split('/').at(-1) ?? ''
  await owner.http.get(`/project/${other.shortName}/tasks/import/${id}`).expect(404)
  await owner.http.get(`${path}/none`).expect(404)
  await stranger.http.get(draft).expect(403)
  await stranger.http.post(draft).type('form').send({}).expect(403)
  await site.http.get(path).expect(302)
  assert.deepEqual(await infosOf(project.id), [])
})

test('a list of thousands is added whole, with its calibration tasks', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const rows = Array.from({ length: 2_000 }, (_, n) => `${n},${n % 2},${n % 2 ? 'Yes' : ''}`)
  const draft = await preview(path, { file: `n,calibration,expected_info\n${rows.join('\n')}\n` })
  await owner.http.get(draft).expect(200, /Add 2,000 tasks/)
  await confirm(draft)
  const [counts] = await rowsOf<{ n: number; calibration: number; known: number }>(
    site,
    `select count(*)::int as n, sum(calibration)::int as calibration,
            (count(*) filter (where expected_info = '"Yes"'))::int as known from task where project_id = $1`,
    [project.id],
  )
  assert.deepEqual(counts, { n: 2_000, calibration: 1_000, known: 1_000 })
})

test('a preview says how many rows it shows and what a column can become', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const few = await owner.http.get(await preview(path, { text: 'a,b\n1,2\n3,4\n' })).expect(200)
  assert.match(few.text, /These are all 2 rows\. Nothing is saved yet\./)
  for (const use of ['Priority', 'Calibration', 'Quorum']) assert.match(few.text, new RegExp(`<dt>${use}`))
  const rows = Array.from({ length: 12 }, (_, n) => `${n}`)
  const many = await preview(path, { text: `a\n${rows.join('\n')}\n` })
  await owner.http.get(many).expect(200, /The first 10 of 12 rows\. Nothing is saved yet\./)
})

test('after adding tasks the way leads to the next step of the project', async () => {
  const add = async (shortName: string) => {
    const draft = await preview(`/project/${shortName}/tasks/import`, { text: 'a\n1\n' })
    await confirm(draft)
    await waitForReplica()
    const { text } = await owner.http.get(draft).expect(200, /1 task added/)
    return /<a class="button" href="[^"]*">([^<]*)</.exec(text)?.[1]
  }
  const draft = await draftProject(site, owner)
  assert.equal(await add(draft.shortName), 'Go on to publishing')
  const bare = await draftProject(site, owner, { tasks: 0 })
  await rowsOf(site, 'update project set presenter_version_id = null where id = $1', [bare.id])
  await waitForReplica()
  assert.equal(await add(bare.shortName), 'Write the question')
  const open = await publishedProject(site, owner)
  assert.equal(await add(open.shortName), 'See the tasks')
})

test('an import on its way shows how far it is, and the list of imports how each ended', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const draft = await preview(path, { file: 'a\n1\n', name: 'birds.csv' })
  const [id] = draft.split('/').slice(-1)
  const shows = async (set: string, ...said: RegExp[]) => {
    await rowsOf(site, `update task_import set ${set} where id = $1`, [id])
    await waitForReplica()
    for (const address of [draft, path]) {
      const { text } = await owner.http.get(address).expect(200)
      for (const one of said) assert.match(text, one)
    }
  }
  await shows(`state = 'fetching'`, /data-refresh="1"/, /Fetching the rows/)
  await shows(`state = 'waiting'`, /data-refresh="1"/, /Waiting for its turn/)
  await shows(`state = 'running'`, /data-refresh="1"/, /Reading the rows/)
  const half = `bytes = 100, bytes_done = 50, n_rows_done = 1234`
  await shows(
    `${half}, started = now() - interval '20 seconds'`,
    /max="100" value="50"/,
    /1,234 rows read, about \d\d seconds left/,
  )
  await shows(`started = now() - interval '4 minutes'`, /about 4 minutes left/)
  await shows(`started = now()`, /1,234 rows read</)
  await shows(`state = 'failed', error = 'Too bad.'`, /Too bad\./)
  const failed = await owner.http.get(draft).expect(200, /No task was added/)
  assert.ok(!failed.text.includes('data-refresh'))
  await owner.http.get(`${draft}?preview=on`).expect(200, /Add 1 task</)
  await confirm(draft)
  await owner.http.get(path).expect(200, /Done.*1 task added/s)
  await owner.http.get(`${draft}/problems`).expect(404)
})

test('a long list is shown by its first rows; its faults come as a file that a spreadsheet opens', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const padding = 'x'.repeat(4_000)
  const rows = Array.from({ length: 1_100 }, (_, n) => `${n},${n > 1_050 ? '=many' : '2'},${padding}`)
  const long = (lines: string[]) => `a,n_answers,padding\n${lines.join('\n')}\n`
  // Few rows of the same length are looked at as a whole.
  const wide = ['v', 'w', 'x', 'y', 'z'].map((letter) => letter.repeat(900_000))
  const few = await preview(path, { file: `a\n${wide.join('\n')}\n` })
  await owner.http.get(few).expect(200, /Add 5 tasks/)
  const draft = await preview(path, { file: long(rows) })
  await owner.http.get(draft).expect(200, /first 10 rows of a long list.*Add all tasks/s)
  await confirm(draft)
  const failed = await owner.http.get(draft).expect(200, /49 problems were found/)
  assert.match(failed.text, /Line 1053/)
  const report = await owner.http.get(`${draft}/problems`).expect(200)
  assert.match(
    String(report.headers['content-disposition']),
    /attachment; filename="import-\d+-problems.csv"/,
  )
  const lines = report.text.split('\n')
  assert.equal(lines[0], 'row,column,problem,advice')
  assert.match(lines[1] ?? '', /^1053,n_answers,"Line 1053 .*""=many"" is not allowed/)
  assert.equal(lines.length, 51)
  assert.deepEqual(await infosOf(project.id), [])
  await stranger.http.get(`${draft}/problems`).expect(403)

  const again = await owner.http.get(`${draft}?preview=on`).expect(200)
  assert.match(again.text, /Add all tasks/)
  await confirm(draft, { 'column-1': 'ignore' })
  assert.equal((await infosOf(project.id)).length, 1_100)
  await owner.http.get(draft).expect(200, /1,100 tasks added/)
  await owner.http.get('/account/mail').expect(200, /Tasks Import to your project/)
})

test('rows at an address are fetched, shown, and added when that is confirmed', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  await owner.http.get(path).expect(200, /A IIIF manifest: one task for each picture/)
  elsewhere.answer('/spreadsheets/d/abc/export', {
    headers: { 'Content-Type': 'text/csv' },
    body: 'a,b\n1,2\n',
  })
  const ask = (form: Record<string, string>) => owner.http.post(path).type('form').send(form)
  const url = 'https://docs.google.com/spreadsheets/d/abc/edit#gid=0'
  const { headers } = await ask({ kind: 'google-sheet', url }).expect(302)
  const draft = String(headers['location'])
  await untilEnded(draft)
  await owner.http.get(draft).expect(200, /Preview of Google Sheet.*Add 1 task/s)
  await confirm(draft, { 'column-1': 'ignore' })
  assert.deepEqual(
    (await infosOf(project.id)).map(({ info }) => info),
    [{ a: '1' }],
  )

  const gone = await ask({ kind: 'url', url: `${elsewhere.url}/gone.csv` }).expect(302)
  await untilEnded(String(gone.headers['location']))
  const failed = await owner.http.get(String(gone.headers['location'])).expect(200, /nothing at this address/)
  assert.ok(!failed.text.includes('?preview=on'))
  const typed = await ask({ kind: 'iiif', url: 'not an address' }).expect(422, /Give a whole address/)
  assert.match(typed.text, /value="iiif" selected[\s\S]*value="not an address"/)
  await ask({ kind: 'nonsense', url }).expect(422)
  await ask({ kind: 'file', url }).expect(422)
})

test('PyBossa’s forms add their tasks at once', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  elsewhere.answer('/birds.csv', { headers: { 'Content-Type': 'text/csv' }, body: 'a\n1\n2\n' })
  const until = (count: number) => eventually(async () => (await infosOf(project.id)).length === count)
  const tasks = `/project/${project.shortName}/tasks/`
  await owner.http
    .post(`${path}?type=csv`)
    .type('form')
    .send({ form_name: 'csv', csv_url: `${elsewhere.url}/birds.csv` })
    .expect(302)
    .expect('Location', tasks)
  await until(2)
  assert.equal((await infosOf(project.id))[0]?.n_answers, 30)
  await owner.http.get(tasks).expect(200, /Your tasks are being added/)
  const file = owner.http.post(path).field('form_name', 'localCSV')
  await file.attach('file', Buffer.from('a\n3\n'), 'more.csv').expect(302).expect('Location', tasks)
  await until(3)
  const form = { form_name: 's3', bucket: 'not a bucket' }
  await owner.http
    .post(path)
    .type('form')
    .send(form)
    .expect(422, /Give a whole address/)
  await owner.http.get(`${path}?type=gdocs`).expect(200, /value="google-sheet" selected/)
  await owner.http.get(`${path}?type=localCSV`).expect(200)
  await owner.http.get(`${path}?type=flickr`).expect(404)
})

test('an owner has an address fetched every day, like an import or by itself, until that is stopped', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const daily = `/project/${project.shortName}/tasks/autoimporter`
  elsewhere.answer('/daily.csv', { headers: { 'Content-Type': 'text/csv' }, body: 'a,b\n1,2\n' })
  const url = `${elsewhere.url}/daily.csv`
  const send = (address: string, form: Record<string, string>) =>
    owner.http.post(address).type('form').send(form)
  const { headers } = await send(path, { kind: 'url', url }).expect(302)
  const draft = String(headers['location'])
  await untilEnded(draft)
  await confirm(draft, { 'column-1': 'ignore' })
  const done = await owner.http.get(draft).expect(200, /Fetch every day/)
  const [, like = ''] = /name="like" value="(\d+)"/.exec(done.text) ?? []
  await send(daily, { like }).expect(302).expect('Location', daily)
  const untilLast = async () => {
    await eventually(
      async () =>
        (await rowsOf(site, `select 1 from task_import where state in ('waiting', 'running')`)).length === 0,
    )
    await waitForReplica()
  }
  await untilLast()
  await owner.http.get(daily).expect(200, /daily\.csv[\s\S]*Done[\s\S]*0 tasks added, 1 skipped/)
  assert.equal((await infosOf(project.id)).length, 1)

  await send(daily, { kind: 'url', url: `${elsewhere.url}/gone.csv` }).expect(302)
  await untilLast()
  await owner.http.get(daily).expect(200, /It failed the last time[\s\S]*nothing at this address/)
  await send(daily, { kind: 'url', url: 'nowhere' }).expect(422, /Give a whole address/)
  await send(daily, {}).expect(422, /Choose where the rows are/)
  await send(daily, { like: 'none' }).expect(404)
  const pasted = await preview(path, { text: 'a\n1\n' })
  await send(daily, { like: pasted.split('/').at(-1) ?? '' }).expect(404)
  await stranger.http.post(daily).type('form').send({ like }).expect(403)
  await stranger.http.get(daily).expect(403)

  await send(`${daily}/delete`, {}).expect(302).expect('Location', daily)
  await waitForReplica()
  const page = await owner.http.get(daily).expect(200)
  assert.ok(!page.text.includes('Stop fetching'))
})

test('a draft or a failure can be discarded, with its file; what is at work cannot', async () => {
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const draft = await preview(path, { text: 'a\n1\n' })
  const id = draft.split('/').at(-1)
  const [{ file_key: key } = { file_key: '' }] = await rowsOf<{ file_key: string }>(
    site,
    'select file_key from task_import where id = $1',
    [id],
  )
  await owner.http.get(draft).expect(200, /Discard this list/)
  await stranger.http.post(`${draft}/delete`).expect(403)
  const isAtWork = `update task_import set state = $2 where id = $1`
  await rowsOf(site, isAtWork, [id, 'running'])
  await owner.http.post(`${draft}/delete`).expect(409, /cannot be discarded/)
  await rowsOf(site, isAtWork, [id, 'failed'])
  await waitForReplica()
  await owner.http.get(draft).expect(200, /Discard this list/)
  await owner.http.post(`${draft}/delete`).expect(302).expect('Location', path)
  assert.equal(await site.app.files.size(key), undefined)
  await waitForReplica()
  await owner.http.get(draft).expect(404)
})

test('too many drafts of one person, or too large ones, are refused and leave no file', async () => {
  const hoarder = await site.user()
  const project = await draftProject(site, hoarder, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/import`
  const fill = `insert into task_import (project_id, user_id, importer, file_name, state, options, bytes)
    select $1, $2, 'csv', 'x', $3, '{}', $4 from generate_series(1, $5)`
  const empty = () => rowsOf(site, 'delete from task_import where user_id = $1', [hoarder.id])
  const refused = () =>
    hoarder.http
      .post(path)
      .field('text', 'a\n1\n')
      .expect(429, /Too many lists of yours wait/)
  await rowsOf(site, fill, [project.id, hoarder.id, 'draft', 1, 20])
  await refused()
  await hoarder.http.post(path).type('form').send({ kind: 'url', url: elsewhere.url }).expect(429)
  const kept = await rowsOf(site, 'select 1 from task_import where user_id = $1', [hoarder.id])
  assert.equal(kept.length, 20)
  const files = await readdir(join(site.app.config.folders.files, 'imports', String(project.id)))
  assert.deepEqual(files, [])
  await empty()
  await rowsOf(site, fill, [project.id, hoarder.id, 'draft', 5 * 1024 * 1024, 4])
  await refused()
  // What is being fetched may be as large as any.
  await empty()
  await rowsOf(site, fill, [project.id, hoarder.id, 'fetching', null, 4])
  await refused()
  await empty()
  await rowsOf(site, fill, [project.id, hoarder.id, 'draft', 5 * 1024 * 1024, 3])
  await rowsOf(site, fill, [project.id, hoarder.id, 'draft', 1, 1])
  await hoarder.http.post(path).type('form').send({ kind: 'url', url: elsewhere.url }).expect(429)
  // What is not a draft any more does not count.
  await empty()
  await rowsOf(site, fill, [project.id, hoarder.id, 'done', 1, 30])
  await hoarder.http.post(path).field('text', 'a\n1\n').expect(302)
})
