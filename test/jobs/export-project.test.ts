import assert from 'node:assert/strict'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { sql } from 'kysely'
import { jobs } from '../../jobs/index.ts'
import { runProgram } from '../../src/bin/local/run-program.ts'
import {
  getProjectExport,
  listProjectExports,
  openExport,
  requestExport,
} from '../../src/domain/exports/export-service.ts'
import type { ExportFormat } from '../../src/domain/exports/export-service.ts'
import { beginExport } from '../../src/domain/exports/export-work.ts'
import { listMailsFor } from '../../src/domain/mails/mail-service.ts'
import { deleteProject } from '../../src/domain/projects/project-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { ForbiddenError, NotFoundError, UnauthenticatedError } from '../../src/lib/errors.ts'
import type { RequestDb } from '../../src/platform/database.ts'
import type { Json } from '../../src/platform/schema.ts'
import { newOwner, newProject, startJobApp, untilJobsEnd, work, retryOnlyFailure } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'
import { csvRows, ABOUT, download } from '../support/exports.ts'

test('an export is listed with its size and name, and announced to who asked by one mail', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ a: 1 }, { a: 2 }], 'told')
  const { id, state, nRows } = await requestExport(job.app, job.db(), owner, project, {
    what: 'task',
    format: 'csv',
  })
  assert.deepEqual({ state, nRows }, { state: 'waiting', nRows: null })
  await untilJobsEnd(job)
  await waitForReplica()

  const [listed, ...others] = await listProjectExports(job.db(), owner, project)
  assert.equal(others.length, 0)
  assert.equal(listed?.id, id)
  assert.equal(listed.state, 'done')
  assert.equal(listed.fileName, `${project.id}_told_task_csv.zip`)
  assert.deepEqual([listed.nRows, listed.nRowsDone], [2, 2])
  const days = (Date.parse(listed.expires ?? '') - Date.parse(listed.finished ?? '')) / 86_400_000
  assert.equal(days, 7)

  const mails = await listMailsFor(job.db(), owner)
  assert.deepEqual(
    mails.map(({ subject }) => subject),
    ['Your export of Project told is ready'],
  )
  const body = mails[0]?.textBody ?? ''
  assert.match(body, /^2 rows of Project told are in \d+_told_task_csv\.zip \(\d+ (bytes|kB)\)\.$/m)
  assert.match(body, /http:\/\/localhost:3000\/project\/told\/tasks\/export/)
})

test('asking again while an export waits for its turn gives the same one, to each person their own', async (t) => {
  const job = await startJobApp(t)
  const [owner, other] = [await newOwner(job), await newOwner(job)]
  const project = await newProject(job, owner, [{ a: 1 }])
  await job.sql('insert into project_owner (project_id, user_id) values ($1, $2)', [project.id, other.id])
  const ask = (who: User, format: ExportFormat) =>
    requestExport(
      job.app,
      job.db(),
      who,
      { ...project, ownerIds: [owner.id, other.id] },
      { what: 'task', format },
    )

  const same = await Promise.all([ask(owner, 'csv'), ask(owner, 'csv'), ask(owner, 'csv')])
  assert.equal(new Set(same.map(({ id }) => id)).size, 1)
  assert.notEqual((await ask(owner, 'json')).id, same[0].id)
  assert.notEqual((await ask(other, 'csv')).id, same[0].id)
  assert.equal((await job.sql('select 1 from outbox')).length, 3)

  // What changed since it began would be missing: neither the old one nor silence is an answer.
  await waitForReplica()
  const begun = await beginExport(
    job.app,
    {
      openDb: job.db,
      commit: (write) => job.db().write(write),
      signal: new AbortController().signal,
      log: job.app.log,
    },
    same[0].id,
    () => ({ wantsColumns: false, passes: 1 }),
  )
  assert.ok(begun)
  await assert.rejects(ask(owner, 'csv'), {
    kind: 'conflict',
    message: /being made already, without what has changed since it began/,
  })
  assert.equal((await job.sql('select 1 from outbox')).length, 3)

  work(job)
  await untilJobsEnd(job)
  assert.notEqual((await ask(owner, 'csv')).id, same[0].id)
})

test('only owners ask for, see and download exports, and only of their own project', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const [admin, owner, stranger] = [await newOwner(job), await newOwner(job), await newOwner(job)]
  const project = await newProject(job, owner, [{ a: 1 }])
  const foreign = await newProject(job, stranger, [{ a: 1 }])
  const wanted = { what: 'task', format: 'csv' } as const
  await assert.rejects(requestExport(job.app, job.db(), stranger, project, wanted), ForbiddenError)
  await assert.rejects(requestExport(job.app, job.db(), undefined, project, wanted), UnauthenticatedError)

  const { id } = await requestExport(job.app, job.db(), owner, project, wanted)
  await assert.rejects(openExport(job.app, job.db(), owner, project, id), NotFoundError, 'not ready yet')
  await untilJobsEnd(job)
  await waitForReplica()
  await assert.rejects(openExport(job.app, job.db(), stranger, project, id), ForbiddenError)
  await assert.rejects(openExport(job.app, job.db(), stranger, foreign, id), NotFoundError)
  await assert.rejects(listProjectExports(job.db(), stranger, project), ForbiddenError)
  assert.equal((await getProjectExport(job.db(), admin, project, id)).state, 'done')
  assert.equal((await download(job, admin, project, id)).size, 2 + ABOUT.length)

  await job.sql('update project_export set expires = now()')
  await waitForReplica()
  await assert.rejects(openExport(job.app, job.db(), owner, project, id), NotFoundError, 'its time is over')
})

test('rows that arrive while an export is made are not in it, nor in its repetition', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }], 'cut')
  const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'json' })
  let attempts = 0
  const exportProject: (typeof jobs)['export-project'] = {
    ...jobs['export-project'],
    backoffSeconds: 0.01,
    async handle(app, payload, run) {
      attempts += 1
      if (attempts > 1) return jobs['export-project'].handle(app, payload, run)
      const commit: typeof run.commit = async () => {
        await job.sql(`insert into task (project_id, info) values ($1, '{"n": 3}')`, [project.id])
        throw new Error('the worker broke down')
      }
      return jobs['export-project'].handle(app, payload, { ...run, commit })
    },
  }
  work(job, { ...jobs, 'export-project': exportProject })
  await untilJobsEnd(job)

  assert.equal(attempts, 2)
  const rows = JSON.parse((await download(job, owner, project, id)).get('cut_task.json') ?? '') as {
    info: Json
  }[]
  assert.deepEqual(
    rows.map(({ info }) => info),
    [{ n: 1 }, { n: 2 }],
  )
})

test('an export that cannot be made says why, on its page and by mail, and leaves nothing behind', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const many = Object.fromEntries(Array.from({ length: 17_000 }, (_, index) => [`key ${index}`, index]))
  const project = await newProject(job, owner, [many], 'wide')
  const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
  work(job)
  await untilJobsEnd(job)
  await waitForReplica()

  const { state, error } = await getProjectExport(job.db(), owner, project, id)
  assert.equal(state, 'failed')
  assert.match(error ?? '', /more than 16384 different keys.*as JSON instead/)
  const [mail] = await listMailsFor(job.db(), owner)
  assert.equal(mail?.subject, 'Your export of Project wide failed')
  assert.match(mail.textBody, /as JSON instead/)
  await assert.rejects(readdir(job.app.config.folders.files), { code: 'ENOENT' })
})

test(
  'a disk that is full is told as the reason, nothing half-written stays, and once there is room it is made',
  { skip: !(await mayMount()) },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'mh-full-'))
    await runProgram('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder])
    t.after(async () => {
      await runProgram('umount', [folder])
      rmdirSync(folder)
    })
    const job = await startJobApp(t, { FILES_DIR: folder })
    const owner = await newOwner(job)
    const project = await newProject(job, owner, [], 'full')
    await job.sql(
      `insert into task (project_id, info) select $1, jsonb_build_object('text', md5(n::text) || md5((n + 0.5)::text))
       from generate_series(1, 15000) n`,
      [project.id],
    )
    const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
    work(job, { ...jobs, 'export-project': { ...jobs['export-project'], backoffSeconds: 0.01 } })
    await untilJobsEnd(job)
    await waitForReplica()

    const { state, error } = await getProjectExport(job.db(), owner, project, id)
    assert.deepEqual([state, error], ['failed', 'There is no room left for its file on our side.'])
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    assert.deepEqual(
      entries.filter((entry) => entry.isFile()),
      [],
    )

    await runProgram('mount', ['-o', 'remount,size=16m', folder])
    await retryOnlyFailure(job)
    await untilJobsEnd(job)
    const members = await download(job, owner, project, id)
    assert.equal(csvRows(members.get('full_task.csv')).length, 15_000)
  },
)

/** Only root may, and not in every container. */
async function mayMount(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'mh-mount-'))
  try {
    await runProgram('mount', ['-t', 'tmpfs', 'tmpfs', folder])
    await runProgram('umount', [folder])
    return true
  } catch {
    return false
  } finally {
    rmdirSync(folder)
  }
}

test('an unforeseen failure is tried again, then told without its details', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ a: 1 }])
  const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
  // A file stands where the folder of all exports would be made.
  await mkdir(job.app.config.folders.files, { recursive: true })
  await writeFile(join(job.app.config.folders.files, 'exports'), '')
  const exportProject = { ...jobs['export-project'], backoffSeconds: 0.01 }
  work(job, { ...jobs, 'export-project': exportProject })
  await untilJobsEnd(job)
  await waitForReplica()

  const { state, error } = await getProjectExport(job.db(), owner, project, id)
  assert.equal(state, 'failed')
  assert.match(error ?? '', /cannot be reached at the moment/)
  assert.doesNotMatch(error ?? '', /ENOTDIR|exports/)
  const [row] = await job.sql(`select attempts, error from outbox where job = 'export-project'`)
  assert.equal(row?.['attempts'], 3)
  assert.match(String(row['error']), /ENOTDIR/)
})

test('an export whose project was deleted meanwhile ends without a mail', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ a: 1 }])
  await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
  await deleteProject(job.db(), owner, project)
  work(job)
  await untilJobsEnd(job)

  assert.deepEqual(await job.sql('select state from project_export'), [{ state: 'failed' }])
  assert.deepEqual(await job.sql('select 1 from mail'), [])
})

test('an export does not mind that each statement is ended once, nor that its progress cannot be noted', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ a: 1 }, { b: [{ c: 2 }] }])
  const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
  await waitForReplica()
  let [ended, isBegun] = [0, false]
  const openDb = (): RequestDb => {
    const db = job.db()
    const once = new Set<string>()
    return {
      ...db,
      read: (query) => {
        if (!isBegun || once.has(String(query))) return db.read(query)
        once.add(String(query))
        return db.read(async (reader) => {
          ended += 1
          // As a replica does with what stands in the way of its replay.
          await sql`do $$ begin raise exception 'conflict with recovery' using errcode = '40001'; end $$`.execute(
            reader,
          )
          return query(reader)
        })
      },
      write: async (work) => {
        const written = await db.write(work)
        isBegun = true
        return written
      },
      call: () => Promise.reject(new Error('the primary is away')),
    }
  }
  const begun = await beginExport(
    job.app,
    {
      openDb,
      commit: (write) => job.db().write(write),
      signal: new AbortController().signal,
      log: job.app.log,
    },
    id,
    () => ({ wantsColumns: true, passes: 1 }),
  )
  assert.ok(begun)
  const parts: Buffer[] = []
  const header = await begun.rows.writeWholeRows((part) => Promise.resolve(void parts.push(part)))
  assert.ok(header.includes('info_a') && header.includes('info_b_0_c'))
  assert.equal(Buffer.concat(parts).toString().split('\n').length, 4)
  // Counting, the first look, the places of what it found, what the project is about, and the copy itself.
  assert.ok(ended >= 6, String(ended))
})
