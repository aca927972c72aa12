import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { jobs } from '../../../jobs/index.ts'
import { anonymise } from '../../../src/domain/accounts/deletion-repository.ts'
import { rebuildReadyExports } from '../../../src/domain/exports/export-service.ts'
import { startJobs } from '../../../src/platform/job-runner.ts'
import { startLoop } from '../../../src/platform/loop.ts'
import { startTestApp } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'
import { download, readZip } from '../../support/zip.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()
const project = await publishedProject(site, owner, { tasks: 2 })
const path = `/project/${project.shortName}/tasks/export`

function work(t: { after: (end: () => Promise<void>) => void }): void {
  const relay = startLoop('relay', 50, () => site.app.queue.sweep().then(() => false), site.app.log)
  const runner = startJobs(site.app, jobs)
  t.after(async () => {
    await relay.stop()
    await runner.stop(5_000)
  })
}

test('an owner asks for an export, watches it come, and downloads it', async (t) => {
  const choices = await owner.http.get(path).expect(200, /Answers/)
  for (const said of [/your own columns/, /task_id that joins it to the id of your tasks/, /task_run_ids/])
    assert.match(choices.text, said)
  await owner.http
    .post(path)
    .type('form')
    .send({ type: 'task', format: 'csv' })
    .expect(302)
    .expect('Location', path)
  await waitForReplica()
  await owner.http.get(path).expect(200, /waiting/i)

  work(t)
  await eventually(async () => {
    const [row] = await rowsOf<{ state: string }>(site, 'select state from project_export')
    return row?.state === 'done'
  })
  await waitForReplica()
  const page = await owner.http.get(path).expect(200)
  const [, address = ''] = /href="([^"]+\/tasks\/export\/\d+)"/.exec(page.text) ?? []
  const asked = owner.http
    .get(address)
    .expect('Cache-Control', 'private, no-store')
    .expect('Content-Disposition', /attachment; filename=.*\.zip/)
  const files = await readZip(await download(asked))
  assert.deepEqual(
    [...files.keys()].map((name) => name.split('_').at(-1)),
    ['task.csv', 'only.csv', 'README.txt', 'datapackage.json'],
  )
  await stranger.http.get(address).expect(403)
  const other = await publishedProject(site, owner)
  await owner.http.get(address.replace(project.shortName, other.shortName)).expect(404)
  await rowsOf(site, `update project_export set expires = now() - interval '1 second'`)
  await waitForReplica()
  await owner.http.get(address).expect(404)
})

test('while an export is being made the page says what it lacks, and keeps the choice', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  const address = `/project/${shortName}/tasks/export`
  const ask = () => owner.http.post(address).type('form').send({ type: 'task', format: 'json' })
  await ask().expect(302)
  await ask().expect(302)
  await rowsOf(
    site,
    `update project_export set state = 'running', started = now() - interval '3 minutes' where project_id = $1`,
    [id],
  )
  await waitForReplica()
  const page = await ask().expect(409, /without what has changed since it began/)
  assert.match(page.text, /value="task" checked/)
  assert.match(page.text, /value="json" checked/)
  assert.match(page.text, />As it was 3 minutes ago</)
  const exports = await rowsOf(site, 'select 1 from project_export where project_id = $1', [id])
  assert.equal(exports.length, 1)

  const noteProgress = async (nRows: number, nRowsDone: number) => {
    const noted = 'update project_export set n_rows = $2, n_rows_done = $3 where project_id = $1'
    await rowsOf(site, noted, [id, nRows, nRowsDone])
    await waitForReplica()
  }
  await noteProgress(20_000, 0)
  await owner.http.get(address).expect(200, /Counting: 20,000 rows so far/)
  await noteProgress(1_000_000, 500)
  await owner.http.get(address).expect(200, /500 of 1,000,000 rows/)
})

test('nonsense is refused, and nobody else’s exports are shown', async () => {
  await owner.http
    .post(path)
    .type('form')
    .send({ type: 'people', format: 'csv' })
    .expect(422, /Choose what to export/)
  await owner.http.get(`${path}/999999`).expect(404)
  await owner.http.get(`${path}/none`).expect(404)
  await stranger.http.get(path).expect(403)
  await stranger.http.post(path).type('form').send({ type: 'task', format: 'csv' }).expect(403)
  await site.http.get(path).expect(302)
})

test('PyBossa’s address gives the file at once, to whom the project allows it, and says how fresh it is', async (t) => {
  work(t)
  const { id, shortName } = await publishedProject(site, owner, { tasks: 2 })
  const address = `/project/${shortName}/tasks/export`
  const asked = () =>
    site.http
      .get(`${address}?type=task&format=json`)
      .expect('Content-Type', 'application/octet-stream')
      .expect('Content-Disposition', `attachment; filename="${id}_${shortName}_task_json.zip"`)
      .expect('Last-Modified', /GMT$/)
  const files = await readZip(await download(asked()))
  assert.equal((JSON.parse(files.get(`${shortName}_task.json`) ?? '') as unknown[]).length, 2)
  await waitForReplica()
  await download(asked())
  const ready = () =>
    rowsOf<{ id: number; what: string; format: string }>(
      site,
      `select id, what, format from project_export where origin = 'ready' and project_id = $1 order by id`,
      [id],
    )
  assert.equal((await ready()).length, 1)

  // The night makes all six where people contributed since, and forgets the one before after a while.
  await rowsOf(
    site,
    `insert into project_total (project_id, n_task_runs, last_activity) values ($1, 1, now())
     on conflict (project_id) do update set last_activity = now()`,
    [id],
  )
  const open = () => site.app.database.open({ writes: true })
  assert.equal(jobs['rebuild-exports'].schedule, '31 0 * * *')
  assert.ok((await rebuildReadyExports(site.app, open)) >= 1)
  // Whoever asks for one that nobody made yet does not wait until its turn in the night.
  assert.equal((await ready()).length, 7)
  await download(site.http.get(`${address}?type=result&format=json`).expect(200))
  const [made] = await rowsOf<{ what: string; format: string; n: number }>(
    site,
    `select min(what) as what, min(format) as format, count(*)::int as n from project_export
      where origin = 'ready' and project_id = $1 and state = 'done' and what <> 'task'`,
    [id],
  )
  assert.deepEqual(made, { what: 'result', format: 'json', n: 1 })
  await rowsOf(site, 'update outbox set not_before = now() where done is null')
  await eventually(async () => {
    const [left] = await rowsOf<{ n: number }>(
      site,
      'select count(*)::int as n from outbox where done is null',
    )
    return left?.n === 0
  })
  assert.equal((await ready()).length, 7)
  const [retired] = await rowsOf<{ soon: boolean }>(
    site,
    `select expires < now() + interval '2 days' as soon from project_export where origin = 'ready' and project_id = $1 order by id`,
    [id],
  )
  assert.equal(retired?.soon, true)
  assert.deepEqual(
    await rowsOf(site, `select 1 from mail where subject like '%' || $1 || '%'`, [shortName]),
    [],
  )
  await waitForReplica()
  await download(asked())
  assert.equal((await ready()).length, 7)

  // What is removed is in no file that is handed out from then on.
  await rowsOf(site, 'delete from task where id = (select max(id) from task where project_id = $1)', [id])
  await waitForReplica()
  const fewer = await readZip(await download(asked()))
  assert.equal((JSON.parse(fewer.get(`${shortName}_task.json`) ?? '') as unknown[]).length, 1)
  assert.equal((await ready()).length, 8)
  await rowsOf(
    site,
    `update project_total set last_activity = now() - interval '1 day' where project_id = $1`,
    [id],
  )
  await rebuildReadyExports(site.app, open)
  assert.ok((await rowsOf(site, `select 1 from project_export where state = 'waiting'`)).length > 0)

  await site.http.get(`${address}?type=task`).expect(404)
  await site.http.get(`${address}?format=csv`).expect(404)
  await site.http.get(`${address}?type=people&format=csv`).expect(404)
  await site.http.get(`${address}?type=task&format=xml`).expect(415)
  await site.http.get('/project/no-such-project/tasks/export?type=task&format=csv').expect(404)
  await rowsOf(site, 'update project set zip_download = false where id = $1', [id])
  await waitForReplica()
  await stranger.http.get(`${address}?type=task&format=json`).expect(403)
  await site.http.get(`${address}?type=task&format=json`).set('Accept', 'application/json').expect(401)
  await download(owner.http.get(`${address}?type=task&format=json`))
})

test('a file that shows what was changed since is handed out and made anew behind it, but not one that shows what is gone', async (t) => {
  work(t)
  const project = await publishedProject(site, owner, { tasks: 3 })
  const { id } = project
  const contributor = await site.user()
  await rowsOf(
    site,
    `with who as (
       insert into contributor (kind, user_id) values ('user', $2)
       on conflict (user_id) do update set user_id = excluded.user_id returning id),
     in_project as (insert into contributor_project (contributor_id, project_id) select id, $1 from who)
     insert into task_run (project_id, task_id, contributor_id, info, created, counted)
     select $1, t.id, who.id, '"said"', now(), true from task t, who where t.project_id = $1`,
    [id, contributor.id],
  )
  await waitForReplica()
  const made = async () =>
    (
      await rowsOf<{ id: number }>(
        site,
        `select id from project_export where project_id = $1 and state = 'done' order by id`,
        [id],
      )
    ).length
  const rows = async () => {
    const asked = site.http.get(`/project/${project.shortName}/tasks/export?type=task_run&format=json`)
    const files = await readZip(await download(asked.expect(200).expect('Last-Modified', /GMT$/)))
    return (JSON.parse(files.get(`${project.shortName}_task_run.json`) ?? '') as unknown[]).length
  }
  const change = async (statement: string) => {
    await rowsOf(site, statement, [id])
    await waitForReplica()
  }
  assert.deepEqual([await rows(), await made()], [3, 1])

  await change(`update task_run set info = '"corrected"' where project_id = $1`)
  await change(
    `update task_run set withdrawn = now(), withdrawn_by = 'contributor'
      where id = (select max(id) from task_run where project_id = $1)`,
  )
  assert.deepEqual([await rows(), await made()], [3, 1])
  await change(`update project_export set started = now() - interval '2 hours' where project_id = $1`)
  assert.equal(await rows(), 3)
  await eventually(async () => (await made()) === 2)
  await waitForReplica()
  assert.deepEqual([await rows(), await made()], [2, 2])

  await change(
    `update task_run set withdrawn = now(), withdrawn_by = 'owner'
      where id = (select min(id) from task_run where project_id = $1)`,
  )
  assert.deepEqual([await rows(), await made()], [1, 3])
  await change(
    `update task_run set withdrawn = now() + interval '1 day', withdrawn_by = 'contributor'
      where project_id = $1 and withdrawn is null`,
  )
  assert.deepEqual([await rows(), await made()], [0, 4])

  const email = `${contributor.id}@example.org`
  await site.app.database.open({ writes: true }).write((tx) => anonymise(tx, contributor.id, email))
  await waitForReplica()
  assert.deepEqual([await rows(), await made()], [0, 5])
})

test('a ready export that failed is not made again by everybody who asks, but after a pause that grows', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  const address = `/project/${shortName}/tasks/export?type=task&format=csv`
  const count = async () =>
    (await rowsOf(site, 'select 1 from project_export where project_id = $1', [id])).length
  const fail = () =>
    rowsOf(
      site,
      `insert into project_export (project_id, user_id, what, format, origin, state, finished)
       values ($1, $2, 'task', 'csv', 'ready', 'failed', now())`,
      [id, owner.id],
    )
  const secondsToWait = async () => {
    const { headers } = await site.http.get(address).expect(503, /could not be made/)
    return Number(headers['retry-after'])
  }
  const within = (seconds: number, max: number) => {
    assert.ok(seconds > max - 30 && seconds <= max, `${seconds} of ${max}`)
  }
  await fail()
  within(await secondsToWait(), 60)
  await fail()
  within(await secondsToWait(), 120)
  assert.equal(await count(), 2)
  for (let times = 0; times < 8; times += 1) await fail()
  within(await secondsToWait(), 3_600)
  assert.equal(await count(), 10)

  // After the pause the first who asks has it made, and all of them hear when that fails too.
  await rowsOf(
    site,
    `update project_export set finished = now() - interval '2 hours' where project_id = $1 and state = 'failed'`,
    [id],
  )
  const asked = Promise.all([secondsToWait(), secondsToWait()])
  await eventually(async () => (await count()) === 11)
  await rowsOf(
    site,
    `update project_export set state = 'failed', finished = now() where project_id = $1 and state = 'waiting'`,
    [id],
  )
  for (const seconds of await asked) within(seconds, 3_600)
  assert.equal(await count(), 11)
})

test('a link that an owner passes on opens one export for anybody, until it runs out', async () => {
  const project = await publishedProject(site, owner)
  const address = `/project/${project.shortName}/tasks/export`
  await site.app.files.put('exports/test/a.zip', Readable.from([Buffer.from('zip')]))
  const [made] = await rowsOf<{ id: number }>(
    site,
    `insert into project_export (project_id, user_id, what, format, state, n_rows, file_key, file_name, bytes, sha256, finished, expires)
     values ($1, $2, 'task', 'csv', 'done', 0, 'exports/test/a.zip', 'a.zip', 3, 'x', now(), now() + interval '1 day') returning id`,
    [project.id, owner.id],
  )
  await waitForReplica()
  const page = await owner.http.get(address).expect(200)
  const [, link = ''] = /href="([^"]+\?key=[^"]+)"/.exec(page.text) ?? []
  assert.equal(String(await download(site.http.get(link))), 'zip')
  await site.http.get(link.replace(/\?key=..../, '?key=AAAA')).expect(404)
  await site.http.get(link.replace(`/${made?.id}?`, '/999999?')).expect(404)
  await rowsOf(site, `update project_export set expires = now() where id = $1`, [made?.id])
  await waitForReplica()
  await site.http.get(link).expect(404)
})

test('an owner has exports made regularly, and ends it', async () => {
  const { shortName } = await publishedProject(site, owner)
  const address = `/project/${shortName}/tasks/export`
  const send = (form: Record<string, string>) =>
    owner.http.post(`${address}/subscriptions`).type('form').send(form)
  await send({ type: 'task', format: 'csv', period: 'yearly' }).expect(400, /how often/)
  await send({ type: 'task_run', format: 'ndjson', period: 'weekly', delta: 'on', mail: 'on' }).expect(302)
  await waitForReplica()
  const page = await owner.http.get(address).expect(200, /NDJSON, every week, only what is new/)
  const [, ending = ''] = /action="([^"]+\/subscriptions\/\d+\/end)"/.exec(page.text) ?? []
  await stranger.http.post(ending).expect(403)
  await owner.http.post(ending).expect(302)
  await owner.http.post(ending).expect(404)
})

test('the night makes the files of every project with new answers, also of one that is no longer published', async () => {
  const built = [await publishedProject(site, owner), await publishedProject(site, owner)]
  const [answered, untouched] = built.map(({ id }) => id)
  await rowsOf(site, 'update project set published = false where id = any($1)', [[answered, untouched]])
  await rowsOf(
    site,
    `insert into project_total (project_id, n_task_runs, last_activity) values ($1, 1, now())
     on conflict (project_id) do update set last_activity = now()`,
    [answered],
  )
  await rebuildReadyExports(site.app, () => site.app.database.open({ writes: true }))
  const asked = await rowsOf<{ id: number; n: number }>(
    site,
    `select project_id as id, count(*)::int as n from project_export
      where origin = 'ready' and project_id = any($1) group by project_id`,
    [[answered, untouched]],
  )
  assert.deepEqual(asked, [{ id: answered, n: 6 }])
})
