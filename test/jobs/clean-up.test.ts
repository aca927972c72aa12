import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import test from 'node:test'
import { jobs } from '../../jobs/index.ts'
import { newTask } from '../../src/domain/assignment/assignment-service.ts'
import { listProjectExports, openExport, requestExport } from '../../src/domain/exports/export-service.ts'
import { draftImport } from '../../src/domain/imports/import-service.ts'
import { deleteProject } from '../../src/domain/projects/project-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { removeUnusedUploads } from '../../src/domain/uploads/upload-service.ts'
import { signIn } from '../../src/domain/users/user-service.ts'
import { NotFoundError } from '../../src/lib/errors.ts'
import { newOwner, newProject, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'

/** Runs the nightly job twice: the second time there is nothing left to do. */
async function cleanUp(job: JobApp): Promise<void> {
  await waitForReplica()
  for (let night = 0; night < 2; night += 1) {
    await job.db().write((tx) => job.app.queue.enqueue(tx, 'clean-up', {}))
    await untilJobsEnd(job)
  }
  assert.deepEqual(
    await job.sql(`select error from outbox where job = 'clean-up' and failed is not null`),
    [],
  )
  await waitForReplica()
}

/** Runs the job once, past its queue. */
async function runOnce({ app, db }: JobApp): Promise<void> {
  const commit = () => Promise.reject(new Error('not used'))
  const { signal } = new AbortController()
  await jobs['clean-up'].handle(
    app,
    {},
    { openDb: db, commit, mustHold: () => Promise.resolve(), log: app.log, signal },
  )
}

async function storedFiles({ app }: JobApp): Promise<string[]> {
  const entries = await readdir(app.config.folders.files, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

async function pathsOf({ app }: JobApp, name: string): Promise<string[]> {
  const entries = await readdir(app.config.folders.files, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.name === name).map((entry) => join(entry.parentPath, name))
}

test('it runs every night', () => {
  assert.match(jobs['clean-up'].schedule ?? '', /^\d+ \d+ \* \* \*$/)
})

test('files of exports go when their time is over or their project is gone, others stay', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const [old, gone, fresh] = [
    await newProject(job, owner, [{ a: 1 }], 'old'),
    await newProject(job, owner, [{ a: 1 }], 'gone'),
    await newProject(job, owner, [{ a: 1 }], 'fresh'),
  ]
  for (const project of [old, gone, fresh]) {
    await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'json' })
  }
  await untilJobsEnd(job)
  assert.equal((await storedFiles(job)).length, 3)
  await job.sql(`update project_export set expires = now() - interval '1 s' where project_id = $1`, [old.id])
  await deleteProject(job.db(), owner, gone)
  await cleanUp(job)

  assert.deepEqual(await storedFiles(job), [`${fresh.id}_fresh_task_json.zip`])
  const [listed] = await listProjectExports(job.db(), owner, old)
  assert.deepEqual([listed?.state, listed?.fileKey], ['done', null])
  await assert.rejects(openExport(job.app, job.db(), owner, old, listed?.id ?? 0), NotFoundError)

  await job.sql(`update project_export set finished = now() - interval '91 days'`)
  await cleanUp(job)
  assert.deepEqual(await job.sql('select project_id from project_export'), [{ project_id: fresh.id }])
})

test('drafts of imports that nobody came back to for a week go with their files', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const draft = () =>
    draftImport(job.app, job.db(), owner, project, {
      importer: 'csv',
      fileName: 'a.csv',
      content: Readable.from(['a,b\n']),
    })
  const [old, fresh] = [await draft(), await draft()]
  await job.sql(`update task_import set created = now() - interval '8 days' where id = $1`, [old])
  await cleanUp(job)

  assert.deepEqual(await job.sql('select id from task_import'), [{ id: fresh }])
  assert.equal((await storedFiles(job)).length, 1)
})

test('files of imports go when they are stored or a week after they failed, and all of them with their project', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const [kept, gone] = [await newProject(job, owner), await newProject(job, owner)]
  const draftOf = (project: Project) =>
    draftImport(job.app, job.db(), owner, project, {
      importer: 'csv',
      fileName: 'a.csv',
      content: Readable.from(['a,b\n']),
    })
  const ids = [await draftOf(kept), await draftOf(kept), await draftOf(kept), await draftOf(gone)]
  const [done, failed, fresh] = ids
  await job.sql(`update task_import set state = 'done' where id = $1`, [done])
  const fail = `update task_import set state = 'failed', report_key = 'imports/report-' || id, finished = now()`
  await job.sql(`${fail} - interval '8 days' where id = $1`, [failed])
  await job.sql(`${fail} where id = $1`, [fresh])
  for (const id of [failed, fresh]) await job.app.files.put(`imports/report-${id}`, Readable.from(['report']))
  await deleteProject(job.db(), owner, gone)
  await cleanUp(job)

  assert.deepEqual(
    await job.sql('select id, file_key is null and report_key is null as bare from task_import order by id'),
    [
      { id: done, bare: true },
      { id: failed, bare: true },
      { id: fresh, bare: false },
    ],
  )
  assert.equal((await storedFiles(job)).length, 2)
})

test('requests for tasks go a day after their lease ended, however long it was renewed, and places stay', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }])
  const who = { kind: 'device', deviceId: randomUUID() } as const
  await newTask(job.app, job.db(), project, who, { limit: 4, offset: 0 })
  await job.sql(`update lease set requested = now() - interval '25 hours' where task_id <> 3`)
  await job.sql(`update lease set expires = now() - interval '24 hours 1 minute' where task_id = 1`)
  await job.sql(`update lease set expires = now() - interval '23 hours' where task_id = 4`)
  await job.sql(`update lease set holds_place = false where task_id in (1, 3, 4)`)
  await cleanUp(job)

  assert.deepEqual(await job.sql('select task_id from lease order by task_id'), [
    { task_id: 2 },
    { task_id: 3 },
    { task_id: 4 },
  ])
})

test('sessions go when their cookies have run out or a while after they were revoked', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  await job.sql('delete from session')
  for (let count = 0; count < 4; count += 1) {
    await signIn(job.db(), { email: owner.email, password: 'four plain words' }, `browser ${count}`)
  }
  await job.sql(`update session set created = now() - interval '32 days' where user_agent = 'browser 0'`)
  await job.sql(`update session set revoked = now() - interval '3 days' where user_agent = 'browser 1'`)
  await job.sql(`update session set revoked = now() where user_agent = 'browser 2'`)
  await cleanUp(job)

  const left = await job.sql('select user_agent from session order by user_agent')
  assert.deepEqual(
    left.map(({ user_agent: agent }) => agent),
    ['browser 2', 'browser 3'],
  )
})

test('jobs that ended are forgotten after two weeks, failures later, open ones never', async (t) => {
  const job = await startJobApp(t)
  const rows = [
    ['old done', 'done', 15],
    ['new done', 'done', 13],
    ['old failure', 'failed', 91],
    ['new failure', 'failed', 15],
  ] as const
  for (const [once, end, days] of rows) {
    await job.sql(
      `insert into outbox (job, payload, once, ${end}) values ('send-mail', '{"mailId": 1}', $1, now() - make_interval(days => $2))`,
      [once, days],
    )
  }
  await job.sql(
    `insert into outbox (job, payload, once, not_before, created)
     values ('send-mail', '{"mailId": 1}', 'open', now() + interval '1 hour', now() - interval '99 days')`,
  )
  await runOnce(job)
  const left = await job.sql('select once from outbox order by id')
  assert.deepEqual(
    left.map(({ once }) => once),
    ['new done', 'new failure', 'open'],
  )
})

test('old slots of schedules go, except the last one of each', async (t) => {
  const job = await startJobApp(t)
  work(job)
  await job.sql(
    `insert into schedule_slot (task, slot)
     select task, now() - make_interval(days => d)
       from (values ('weekly', 200), ('weekly', 150), ('daily', 100), ('daily', 1)) s (task, d)`,
  )
  await cleanUp(job)
  const left = await job.sql(
    'select task, extract(day from now() - slot)::int as age from schedule_slot order by task',
  )
  assert.deepEqual(left, [
    { task: 'daily', age: 1 },
    { task: 'weekly', age: 150 },
  ])
})

test('uploads go whose object is gone, or that no object took within a day', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const stays = await newProject(job, owner, [{ a: 1 }], 'stays')
  const goes = await newProject(job, owner, [{ a: 1 }], 'goes')
  for (const project of [stays, goes]) {
    for (const [noun, values] of Object.entries(OF_PROJECTS)) {
      const [row] = await job.sql(`insert into ${noun} ${values} returning id`, [project.id])
      await keepFile(job, `${project.shortName}-${noun}.png`, noun, row?.['id'])
    }
  }
  const [run] = await job.sql(
    `with c as (insert into contributor (kind, external_uid, project_id) values ('external', 'e', $1) returning id)
     insert into task_run (project_id, task_id, contributor_id, created, counted)
     select $1, 1, id, now(), true from c returning id`,
    [stays.id],
  )
  await keepFile(job, 'run.png', 'task_run', run?.['id'])
  await keepFile(job, 'no-run.png', 'task_run', 999)
  await keepFile(job, 'no-announcement.png', 'announcement', 999)
  await keepFile(job, 'fresh.png')
  await keepFile(job, 'old.png')
  await job.sql(`update upload set created = now() - interval '25 hours' where file_name = 'old.png'`)
  await deleteProject(job.db(), owner, goes)
  await cleanUp(job)

  const left = ['fresh.png', 'run.png', ...Object.keys(OF_PROJECTS).map((noun) => `stays-${noun}.png`)].sort()
  assert.deepEqual((await storedFiles(job)).sort(), left)
  const rows = await job.sql('select file_name as name from upload')
  assert.deepEqual(rows.map(({ name }) => name).sort(), left)
})

test('an upload that cannot be removed keeps no other one, and is told of at the end', async (t) => {
  const job = await startJobApp(t)
  for (const [n, name] of ['first.png', 'second.png', 'third.png'].entries())
    await keepFile(job, name, 'task_run', n)
  const [path = ''] = await pathsOf(job, 'second.png')
  await rm(path)
  await mkdir(path)
  await assert.rejects(removeUnusedUploads(job.app, job.db), /1 unused uploads could not be removed, 2 could/)
  assert.deepEqual(await storedFiles(job), [])
  assert.deepEqual(await job.sql('select file_name as name from upload'), [{ name: 'second.png' }])
  await rm(path, { recursive: true })
  assert.equal(await removeUnusedUploads(job.app, job.db), 1)
})

test('a file that cannot be removed keeps no other part of the clean-up, which is told and tried again', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const drafts: number[] = []
  for (let n = 0; n < 3; n += 1) {
    const content = Readable.from(['a\n1\n'])
    const list = { importer: 'csv', fileName: 'a.csv', content }
    drafts.push(await draftImport(job.app, job.db(), owner, project, list))
  }
  await job.sql(`update task_import set created = now() - interval '8 days'`)
  const [{ file_key: key } = {}] = await job.sql('select file_key from task_import where id = $1', [
    drafts[0],
  ])
  const path = join(job.app.config.folders.files, String(key))
  await rm(path)
  await mkdir(join(path, 'within'), { recursive: true })
  await keepFile(job, 'later.png', 'task_run', 999)
  await waitForReplica()
  await assert.rejects(
    runOnce(job),
    /Not everything could be cleaned up: 1 files of imports could not be removed, 2 could/,
  )
  assert.deepEqual(await job.sql('select id from task_import'), [{ id: drafts[0] }])
  assert.deepEqual(await job.sql('select file_name from upload'), [])
  await rm(path, { recursive: true })
  work(job)
  await cleanUp(job)
  assert.deepEqual(await job.sql('select id from task_import'), [])
})

const OF_PROJECTS = {
  blogpost: `(project_id, user_id, title, body) select $1, min(id), 't', 'b' from user_account`,
  helping_material: '(project_id) values ($1)',
  project_page: `(project_id, slug) values ($1, 's')`,
}

async function keepFile(job: JobApp, name: string, noun?: string, id?: unknown): Promise<void> {
  await job.app.files.put(`uploads/user_1/${name}`, Readable.from([Buffer.from('x')]))
  await job.sql(`insert into upload (container, file_name, noun, object_id) values ('user_1', $1, $2, $3)`, [
    name,
    noun ?? null,
    id ?? null,
  ])
}

test('what killed processes left on disk goes after a day', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const { files, data } = job.app.config.folders
  const places = [
    join(files, 'exports', '1'),
    join(data, 'scratch', 'job-old'),
    join(data, 'scratch', 'job-new'),
  ]
  for (const place of places) await mkdir(place, { recursive: true })
  const [exports = '', oldScratch = '', newScratch = ''] = places
  const made = [
    join(exports, 'a.zip.1.part'),
    join(exports, 'b.zip.2.part'),
    join(exports, 'c.zip'),
    join(oldScratch, 'rows'),
    join(newScratch, 'rows'),
  ]
  for (const path of made) await writeFile(path, 'x')
  const twoDaysAgo = Date.now() / 1_000 - 2 * 86_400
  for (const path of [made[0] ?? '', made[2] ?? '', oldScratch]) await utimes(path, twoDaysAgo, twoDaysAgo)
  await cleanUp(job)

  assert.deepEqual((await readdir(exports)).sort(), ['b.zip.2.part', 'c.zip'])
  assert.deepEqual(await readdir(join(data, 'scratch')), ['job-new'])
})

test('what rows were before they were changed goes when no export asks for it any more', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const project = await newProject(job, await newOwner(job), [{ a: 1 }, { a: 2 }])
  await job.sql(`update task set info = '{"a": 3}' where project_id = $1`, [project.id])
  await job.sql(`update row_version set ended = now() - interval '31 days' where row_id = 1`)
  await cleanUp(job)
  assert.deepEqual(await job.sql('select row_id from row_version'), [{ row_id: 2 }])
})
