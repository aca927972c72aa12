import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import sharp from 'sharp'
import { importTasks } from '../../../jobs/import-tasks.ts'
import { beginAdding } from '../../../src/domain/imports/import-repository.ts'
import { beginImport } from '../../../src/domain/imports/import-work.ts'
import { drawTaskPictures } from '../../../src/domain/pictures/task-thumbnails.ts'
import { deleteProject, getProjectById } from '../../../src/domain/projects/project-service.ts'
import { removeUnusedUploads } from '../../../src/domain/uploads/upload-service.ts'
import { InvalidError } from '../../../src/lib/errors.ts'
import type { FileStore } from '../../../src/platform/files.ts'
import { PostponeError } from '../../../src/platform/job.ts'
import type { JobRun } from '../../../src/platform/job.ts'
import { withScratch } from '../../../src/platform/scratch.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually, work } from '../../support/jobs.ts'
import { makeZip } from '../../support/make-zip.ts'
import { pictureOf } from '../../support/pictures.ts'
import { waitForReplica } from '../../support/servers.ts'
import { sendWhole } from '../../support/tus.ts'

const atEnd = untilFileEnds()
const site = await startTestApp(atEnd, { IMPORT_MB_MAX: '8' })
work(site)
const owner = await site.user()

const openDb = () => site.app.database.open({ writes: true })
const cleanUp = () => removeUnusedUploads(site.app, openDb)

const run: JobRun = {
  openDb,
  commit: (effect) => openDb().write(effect),
  log: site.app.log,
  mustHold: () => Promise.resolve(),
  signal: new AbortController().signal,
}

interface Info {
  filename: string
  url: string
}

async function infosOf(projectId: number): Promise<Info[]> {
  const sql = 'select info from task where project_id = $1 order by id'
  return (await rowsOf<{ info: Info }>(site, sql, [projectId])).map(({ info }) => info)
}

const uploadsOf = (projectId: number) =>
  rowsOf<{ file_name: string; noun: string | null }>(
    site,
    'select file_name, noun from upload where container = $1 order by id',
    [`project_${projectId}`],
  )

/** Sends a zip in pieces, as a browser does with a large one, and follows to its preview. */
async function preview(shortName: string, zip: Buffer): Promise<string> {
  const id = await sendWhole(owner, zip, 'birds.zip')
  const request = owner.http.post(`/project/${shortName}/tasks/import`).field('file_resumable', id)
  const { headers } = await request.expect(302)
  await waitForReplica()
  return String(headers['location'])
}

async function confirm(draft: string): Promise<string> {
  await owner.http.post(draft).type('form').send({ redundancy: '2' }).expect(302)
  return eventually(async () => {
    const sql = `select state from task_import where id = $1 and state in ('done', 'failed')`
    const [row] = await rowsOf<{ state: string }>(site, sql, [draft.split('/').at(-1)])
    await waitForReplica()
    return row?.state
  })
}

/** Has a draft wait for its job, which the test runs itself; its id. */
async function waiting(draft: string): Promise<number> {
  const id = Number(draft.split('/').at(-1))
  await rowsOf(site, `update task_import set state = 'waiting' where id = $1`, [id])
  await waitForReplica()
  return id
}

test('a zip of pictures becomes tasks whose pictures the site keeps; the same zip again adds nothing', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const [robin, wren] = [pictureOf('jpeg'), pictureOf('png')]
  const zip = await makeZip({
    'birds/Robin 1.jpg': robin,
    'wren.png': wren,
    'same.jpg': robin,
    '.DS_Store': '',
  })
  const draft = await preview(shortName, zip)
  const page = await owner.http.get(draft).expect(200, /Add 3 tasks/)
  assert.match(page.text, /birds\/Robin 1\.jpg \(1 kB\)/)
  assert.doesNotMatch(page.text, /<select/)
  assert.deepEqual(await uploadsOf(id), [], 'nothing is kept for a preview')

  assert.equal(await confirm(draft), 'done')
  const infos = await infosOf(id)
  assert.deepEqual(
    infos.map(({ filename }) => filename),
    ['birds/Robin 1.jpg', 'wren.png', 'same.jpg'],
  )
  const [first, second, third] = infos.map(({ url }) => url)
  assert.match(first ?? '', new RegExp(`/uploads/project_${id}/[0-9a-f]{24}-Robin_1\\.jpg$`))
  assert.equal(third, first, 'one picture is kept once')
  assert.notEqual(second, first)
  assert.deepEqual(infos[1], {
    ...{ filename: 'wren.png', title: 'wren.png' },
    ...{ url: second, link: second, url_m: second, url_b: second },
  })
  const served = await site.http
    .get(new URL(first ?? '').pathname)
    .responseType('blob')
    .expect(200)
  assert.ok(robin.equals(served.body as Buffer))
  assert.equal(served.headers['content-type'], 'image/jpeg')

  const again = await preview(shortName, zip)
  await owner.http.get(again).expect(200, /All of these tasks are in the project already/)
  const more = await preview(shortName, await makeZip({ 'wren.png': wren, 'new.gif': pictureOf('gif') }))
  await owner.http.get(more).expect(200, /Add 1 task, skip 1/)
  assert.equal(await confirm(again), 'done')
  assert.equal(await confirm(more), 'done')
  assert.equal((await infosOf(id)).length, 4)
  assert.equal((await uploadsOf(id)).length, 3)
})

test('one file that is no picture: nothing is added, nothing is kept, and the report says which', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const padding = pictureOf('png', 5_000_000)
  const zip = await makeZip({ 'a.jpg': pictureOf('jpeg'), 'large.png': padding, 'b.txt': 'x', 'c.png': 'x' })
  const draft = await preview(shortName, zip)
  await owner.http.get(draft).expect(200, /2 problems: nothing was added.*b\.txt.*c\.png/s)
  assert.equal(await confirm(draft), 'failed')
  assert.deepEqual([await infosOf(id), await uploadsOf(id)], [[], []])
  const failed = await owner.http.get(draft).expect(200, /2 problems were found/)
  assert.doesNotMatch(failed.text, /Choose again what its columns become/)
  const report = await owner.http.get(`${draft}/problems`).expect(200)
  assert.match(report.text, /^3,,"“b\.txt”: This is no picture/m)
  assert.match(report.text, /^4,,"“c\.png”: It is called \.png, and holds something else/m)
})

test('a large zip is read for one preview of a person at a time', async () => {
  const { shortName } = await draftProject(site, owner, { tasks: 0 })
  const zip = await makeZip({ 'a.png': pictureOf('png', 5_000_000), 'b.jpg': pictureOf('jpeg') })
  const draft = await preview(shortName, zip)
  const pages = await Promise.all(Array.from({ length: 8 }, () => owner.http.get(draft)))
  const statuses = pages.map(({ status }) => status)
  assert.deepEqual(new Set(statuses), new Set([200, 429]))
  const refused = pages[statuses.indexOf(429)]
  assert.match(refused?.text ?? '', /We are still reading your file/)
  assert.equal(refused?.headers['retry-after'], '10')
  await owner.http.get(draft).expect(200, /a\.png \([\d.]+ MB\)/)
})

test('a small faulty zip is refused at its preview', async () => {
  const { shortName } = await draftProject(site, owner, { tasks: 0 })
  const draft = await preview(shortName, await makeZip({ 'a.png': 'x' }))
  await owner.http.get(draft).expect(200, /Mend the file and upload it again/)
  await owner.http
    .post(draft)
    .type('form')
    .send({})
    .expect(422, /a\.png/)
})

test('what a run kept is found by the next one, and removed when the import has failed, at the latest at night', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const draft = await preview(shortName, await makeZip({ 'a.jpg': pictureOf('jpeg') }))
  const importId = await waiting(draft)
  await withScratch(site.app.config, async (folder) => {
    const path = join(folder, 'a')
    await writeFile(path, pictureOf('jpeg'))
    const picture = { path, name: 'a.jpg', extension: 'jpg', sha256: 'ab'.repeat(32) }
    const addresses: (string | undefined)[] = []
    async function storeUntil(error: Error): Promise<void> {
      const begun = await beginImport(site.app, run, importId)
      async function* broken() {
        addresses.push(await begun?.keepPicture(picture))
        yield { info: { url: addresses.at(-1) ?? '' } }
        throw error
      }
      await assert.rejects(begun?.store(broken(), { bringsPictures: true }) ?? Promise.resolve(), error)
    }
    await storeUntil(new Error('the disk is full'))
    const [kept] = await uploadsOf(id)
    assert.match(addresses[0] ?? '', new RegExp(`${kept?.file_name}$`))
    await storeUntil(new InvalidError('the list is wrong'))
    assert.equal(addresses[1], addresses[0])
    assert.deepEqual([await uploadsOf(id), await infosOf(id)], [[], []])

    const killed = await beginImport(site.app, run, importId)
    await killed?.keepPicture(picture)
    await cleanUp()
    assert.equal((await uploadsOf(id)).length, 1)
    await rowsOf(site, `update upload set created = now() - interval '25 hours' where noun is null`)
    assert.notEqual(await killed?.keepPicture({ ...picture, sha256: 'cd'.repeat(32) }), addresses[0])
    await cleanUp()
    assert.equal((await uploadsOf(id)).length, 1)
  })
})

/** Whether nobody is adding tasks to a project. */
const isFree = (projectId: number) => openDb().write((tx) => beginAdding(tx, projectId))

test('pictures are kept before the transaction that adds their tasks, however long that takes', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const zip = await makeZip({ 'a.jpg': pictureOf('jpeg'), 'b.png': pictureOf('png') })
  const importId = await waiting(await preview(shortName, zip))
  const whileKept: boolean[] = []
  const files: FileStore = {
    ...site.app.files,
    async put(key, content) {
      whileKept.push(await isFree(id))
      return site.app.files.put(key, content)
    },
  }
  await importTasks.handle({ ...site.app, files }, { importId }, run)
  assert.deepEqual(whileKept, [true, true])
  assert.deepEqual(
    (await infosOf(id)).map(({ filename }) => filename),
    ['a.jpg', 'b.png'],
  )
})

test('two zips with the same picture at once: it is kept once, and what the second one kept is forgotten', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const same = pictureOf('jpeg')
  const first = await waiting(await preview(shortName, await makeZip({ 'a.jpg': same })))
  const second = await waiting(
    await preview(shortName, await makeZip({ 'a.jpg': same, 'b.png': pictureOf('png') })),
  )
  let isFirstDone = false
  const files: FileStore = {
    ...site.app.files,
    async put(key, content) {
      if (!isFirstDone) await importTasks.handle(site.app, { importId: first }, run)
      isFirstDone = true
      return site.app.files.put(key, content)
    },
  }
  const importSecond = () => importTasks.handle({ ...site.app, files }, { importId: second }, run)
  await assert.rejects(importSecond(), PostponeError)
  await importSecond()
  assert.equal((await uploadsOf(id)).length, 2)
  assert.deepEqual(new Set((await infosOf(id)).map(({ filename }) => filename)), new Set(['a.jpg', 'b.png']))
})

test('a run that is to stop keeps no further picture, and the next one only those that are missing', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const zip = await makeZip({ 'a.jpg': pictureOf('jpeg'), 'b.png': pictureOf('png') })
  const importId = await waiting(await preview(shortName, zip))
  const stopping = new AbortController()
  let nKept = 0
  const files: FileStore = {
    ...site.app.files,
    async put(key, content) {
      nKept += 1
      stopping.abort(new Error('stop'))
      return site.app.files.put(key, content)
    },
  }
  const stopped = { ...run, signal: stopping.signal }
  await assert.rejects(importTasks.handle({ ...site.app, files }, { importId }, stopped), /stop/)
  assert.deepEqual([nKept, await infosOf(id)], [1, []])
  await importTasks.handle({ ...site.app, files }, { importId }, run)
  assert.equal(nKept, 2)
  assert.deepEqual([(await uploadsOf(id)).length, (await infosOf(id)).length], [2, 2])
})

/** The pictures that the list of a project's tasks shows. */
async function listed(shortName: string): Promise<{ src: string; large: string }[]> {
  const { text } = await owner.http.get(`/project/${shortName}/tasks/browse`).expect(200)
  const found = text.matchAll(/<img src="([^"]+)" srcset="\S+ 1x, (\S+) 2x" width="80" height="60" alt=""/g)
  return [...found].map(([, src = '', large = '']) => ({ src, large }))
}

const sizeOf = async (url: string) => {
  const response = await site.http.get(new URL(url).pathname).responseType('blob').expect(200)
  const { width, height, format } = await sharp(response.body as Buffer).metadata()
  return { width, height, format }
}

test('owners see the pictures of their tasks in small, and of no other project’s', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const zip = await makeZip({ 'robin.jpg': pictureOf('jpeg'), 'wren.png': pictureOf('png') })
  assert.equal(await confirm(await preview(shortName, zip)), 'done')
  const [robin] = await eventually(async () => {
    await waitForReplica()
    const found = await listed(shortName)
    return found.length === 2 && found
  })
  assert.ok(robin)
  const [{ url } = { url: '' }] = await infosOf(id)
  assert.equal(robin.src, url.replace(/\.jpg$/, '.120x90.webp'))
  assert.deepEqual(await sizeOf(robin.src), { width: 120, height: 90, format: 'webp' })
  assert.deepEqual(await sizeOf(robin.large), { width: 240, height: 180, format: 'webp' })
  const [task] = await rowsOf<{ id: number }>(site, 'select min(id) as id from task where project_id = $1', [
    id,
  ])
  const page = await owner.http.get(`/project/${shortName}/tasks/${task?.id ?? 0}`).expect(200)
  assert.ok(page.text.includes(`<a href="${url}"><img src="${robin.src}"`))

  const other = await draftProject(site, owner, { tasks: 0 })
  for (const info of [{ url }, { url: 'no address' }, 'words', { url: 7 }]) {
    const body = { project_id: other.id, info }
    await owner.http.post('/api/task').query({ api_key: owner.apiKey }).send(body).expect(200)
  }
  await waitForReplica()
  assert.deepEqual(await listed(other.shortName), [])
})

test('very many pictures are drawn in turns, and one that cannot be drawn keeps nothing else', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
  const whole = await sharp({ create: { width: 90, height: 90, channels: 3, background: 'teal', noise } })
    .png()
    .toBuffer()
  const many = Array.from({ length: 52 }, (_, n) => [`${n}.png`, pictureOf('png')] as const)
  const broken = { '7-broken.png': whole.subarray(0, whole.length / 2) }
  const draft = await preview(shortName, await makeZip({ ...Object.fromEntries(many), ...broken }))
  assert.equal(await confirm(draft), 'done')
  const counts = `select count(*)::int as n, count(*) filter (where drawn <> '{}')::int as drawn from upload where container = $1`
  const jobs = `select payload->>'afterId' <> '0' as "isNext", attempts from outbox
                 where job = 'draw-task-pictures' and done is not null and payload->>'projectId' = $1 order by id`
  const ended = await eventually(async () => {
    const rows = await rowsOf(site, jobs, [id])
    return rows.length === 2 && rows
  })
  assert.deepEqual(ended, [
    { isNext: false, attempts: 1 },
    { isNext: true, attempts: 1 },
  ])
  assert.deepEqual(await rowsOf(site, counts, [`project_${id}`]), [{ n: 53, drawn: 52 }])
})

test('a picture whose file is gone keeps no other from being drawn, and later pictures do not wait for it', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const zip = await makeZip({ 'robin.jpg': pictureOf('jpeg'), 'wren.png': pictureOf('png') })
  assert.equal(await confirm(await preview(shortName, zip)), 'done')
  const drawn = () =>
    rowsOf<{ file_name: string; drawn: boolean }>(
      site,
      `select file_name, drawn <> '{}' as drawn from upload where container = $1 order by object_id`,
      [`project_${id}`],
    )
  await eventually(async () => (await drawn()).every((one) => one.drawn))
  await rowsOf(site, `update upload set drawn = '{}' where container = $1`, [`project_${id}`])
  const [gone] = await drawn()
  await site.app.files.remove(`uploads/project_${id}/${gone?.file_name}`)
  await drawTaskPictures(site.app, run, { projectId: id, afterId: 0 })
  assert.deepEqual(
    (await drawn()).map((one) => one.drawn),
    [false, true],
  )

  const [last] = await rowsOf(site, 'select max(id) as id from task_picture where project_id = $1', [id])
  const draft = await preview(shortName, await makeZip({ 'owl.jpg': pictureOf('jpeg') }))
  assert.equal(await confirm(draft), 'done')
  const jobs = `select (payload->>'afterId')::int as id from outbox
                 where job = 'draw-task-pictures' and payload->>'projectId' = $1 order by outbox.id desc limit 1`
  assert.deepEqual(await rowsOf(site, jobs, [id]), [last])
})

test('pictures go with their project', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const draft = await preview(shortName, await makeZip({ 'a.jpg': pictureOf('jpeg') }))
  assert.equal(await confirm(draft), 'done')
  const [{ url } = { url: '' }] = await infosOf(id)
  const [drawn] = await eventually(async () => {
    await waitForReplica()
    const found = await listed(shortName)
    return found.length === 1 && found
  })
  await cleanUp()
  await site.http.get(new URL(url).pathname).expect(200)
  await deleteProject(openDb(), owner, await getProjectById(openDb(), id))
  await cleanUp()
  for (const gone of [url, drawn?.src, drawn?.large])
    await site.http.get(new URL(gone ?? '').pathname).expect(404)
  assert.deepEqual(await uploadsOf(id), [])
})
