import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import test from 'node:test'
import { jobs } from '../../jobs/index.ts'
import {
  confirmImport,
  draftImport,
  getImport,
  listProjectImports,
  openReport,
} from '../../src/domain/imports/import-service.ts'
import { beginAdding } from '../../src/domain/imports/import-repository.ts'
import { beginImport } from '../../src/domain/imports/import-work.ts'
import { listMailsFor } from '../../src/domain/mails/mail-service.ts'
import { deleteProject } from '../../src/domain/projects/project-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { NotFoundError } from '../../src/lib/errors.ts'
import { PostponeError } from '../../src/platform/job.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { eventually, newOwner, newProject, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'

const job = await startJobApp(untilFileEnds())
const { app, db } = job
const owner = await newOwner(job)

function listOf(count: number, from = 1): string {
  return `n\n${Array.from({ length: count }, (_, n) => `${n + from}\n`).join('')}`
}

async function draft(project: Project, text: string, importer = 'csv'): Promise<number> {
  const content = Readable.from([text], { objectMode: false })
  return draftImport(app, db(), owner, project, { importer, fileName: 'list.csv', content })
}

async function confirmed(project: Project, text: string, importer?: string): Promise<number> {
  const id = await draft(project, text, importer)
  await confirmImport(app, db(), owner, project, { record: { id }, options: {} })
  return id
}

async function importOf(project: Project, id: number) {
  await waitForReplica()
  return getImport(db(), owner, project, id)
}

async function tasksOf(project: Project): Promise<number> {
  return (await job.sql('select 1 from task where project_id = $1', [project.id])).length
}

async function mailsTo(person: User): Promise<string[]> {
  await waitForReplica()
  const mails = await listMailsFor(db(), person)
  return mails.map(({ subject, textBody }) => `${subject}\n${textBody}`)
}

/** A run of an import's job that nobody counts. */
async function begin(id: number, signal = new AbortController().signal) {
  await waitForReplica()
  return beginImport(app, { openDb: db, signal }, id)
}

test('a draft makes no job; confirmed twice it makes one, which adds the tasks and removes their file', async (t) => {
  const project = await newProject(job, owner)
  const id = await draft(project, listOf(3))
  assert.equal(await begin(id), undefined)
  const { fileKey } = await importOf(project, id)
  for (let time = 0; time < 2; time += 1) {
    await confirmImport(app, db(), owner, project, {
      record: { id },
      options: { redundancy: 7, reading: { columns: [{ name: 'n', becomes: 'data', key: 'm' }] } },
    })
  }
  work({ app, after: (end) => t.after(end) })
  await untilJobsEnd(job)
  const made = await job.sql(`select 1 from outbox where payload = $1`, [JSON.stringify({ importId: id })])
  assert.equal(made.length, 1)
  const done = await importOf(project, id)
  assert.deepEqual(
    [done.state, done.nAdded, done.nSkipped, done.nRepeated, done.nRowsDone, done.bytesDone, done.fileKey],
    ['done', 3, 0, 0, 3, done.bytes, null],
  )
  assert.equal(await app.files.size(fileKey ?? ''), undefined)
  const tasks = await job.sql('select info, n_answers from task where project_id = $1 order by id', [
    project.id,
  ])
  assert.deepEqual(tasks[0], { info: { m: '1' }, n_answers: 7 })
  assert.deepEqual(await mailsTo(owner), [])
})

test('the same file twice adds nothing, also when both are at work at once', async (t) => {
  const project = await newProject(job, owner)
  const [first, second] = [await confirmed(project, listOf(500)), await confirmed(project, listOf(500))]
  const one = await begin(first)
  const other = await begin(second)
  const isAdding = Promise.withResolvers<undefined>()
  const mayGoOn = Promise.withResolvers<undefined>()
  const adding = one?.store(
    (async function* () {
      yield { info: { n: '1' } }
      isAdding.resolve(undefined)
      await mayGoOn.promise
      for (let n = 2; n <= 500; n += 1) yield { info: { n: String(n) } }
    })(),
  )
  await isAdding.promise
  await assert.rejects(other?.store(none()) ?? Promise.resolve(), PostponeError)
  mayGoOn.resolve(undefined)
  await adding
  work({ app, after: (end) => t.after(end) })
  await untilJobsEnd(job)
  const { nAdded, nSkipped } = await importOf(project, second)
  assert.deepEqual([nAdded, nSkipped, await tasksOf(project)], [0, 500, 500])
  const subjects = (await mailsTo(owner)).filter((text) => text.includes(project.name))
  assert.deepEqual(subjects.map((text) => /0 tasks were|500 tasks were/.exec(text)?.[0]).sort(), [
    '0 tasks were',
    '500 tasks were',
  ])
})

async function* none(): AsyncGenerator<never> {
  // no tasks
}

test('the transaction opens when the first task is read, and what is read is let go when it cannot', async () => {
  const project = await newProject(job, owner)
  const id = await confirmed(project, listOf(2))
  const slow = await begin(id)
  const isFree = () => db().write((tx) => beginAdding(tx, project.id))
  const seen: string[] = []
  async function* tasks() {
    try {
      // A workbook is fetched and unpacked here, which may take minutes.
      assert.equal(await isFree(), true)
      yield { info: { n: 'first' } }
      assert.equal(await isFree(), false)
    } finally {
      seen.push('let go')
    }
  }
  await job.sql(`update task_import set state = 'done' where id = $1`, [id])
  await assert.rejects(slow?.store(tasks()) ?? Promise.resolve(), /Another run has ended this import/)
  await job.sql(`update task_import set state = 'running' where id = $1`, [id])
  await slow?.store(tasks())
  assert.deepEqual([seen, await tasksOf(project)], [['let go', 'let go'], 1])
  await job.sql('update outbox set done = now() where done is null')
})

test('a run whose import another run has ended undoes what it added', async () => {
  const project = await newProject(job, owner)
  const id = await confirmed(project, listOf(2))
  const slow = await begin(id)
  async function* late() {
    yield { info: { n: 'late' } }
    // Another worker took the import over and ended it, past the lock that this run holds.
    await job.sql(`update task_import set state = 'done' where id = $1`, [id])
  }
  await assert.rejects(slow?.store(late()) ?? Promise.resolve(), /Another run has ended this import/)
  assert.equal(await tasksOf(project), 0)
  assert.equal(await begin(id), undefined)
  await job.sql('update outbox set done = now() where done is null')
})

test('a worker that is to stop leaves nothing, and the next run adds all', async () => {
  const project = await newProject(job, owner)
  const id = await confirmed(project, listOf(10))
  const stopping = new AbortController()
  const stopped = await begin(id, stopping.signal)
  stopping.abort(new Error('stop'))
  const reading = async () => {
    for await (const chunk of stopped?.rows() ?? []) assert.fail(`${chunk.length} bytes are given`)
  }
  await assert.rejects(reading(), /stop/)
  await (
    await begin(id)
  )?.store(
    (async function* () {
      for (let n = 0; n < 10; n += 1) yield await Promise.resolve({ info: { n } })
    })(),
  )
  assert.equal(await tasksOf(project), 10)
  await job.sql('update outbox set done = now() where done is null')
})

test('a faulty list ends with a report of all its problems and a mail; an admin may let it begin anew', async (t) => {
  const project = await newProject(job, owner)
  const rows = Array.from({ length: 80 }, (_, n) => `${n},${n % 2 === 0 ? 2 : 'many'}\n`).join('')
  const id = await confirmed(project, `n,n_answers\n${rows}`)
  const worker = work({ app, after: (end) => t.after(end) })
  await untilJobsEnd(job)
  const failed = await importOf(project, id)
  assert.deepEqual([failed.state, failed.nProblems, await tasksOf(project)], ['failed', 40, 0])
  assert.match(failed.error ?? '', /Line 3 \(data row 2\), column "n_answers"/)
  const report = await openReport(app, db(), owner, project, id)
  assert.equal((await report.content.toArray()).join('').split('\n').length, 42)
  const told = (await mailsTo(owner)).filter((text) => text.includes(project.name))
  assert.match(told.join(), /No task was added to .*\. Line 3/)
  await worker.stop()

  await job.sql(
    `update task_import set options = '{"reading": {"columns": [{"name": "n_answers", "becomes": "data"}]}}'`,
  )
  await db().write(async (tx) => {
    await jobs['import-tasks'].revive?.(tx, { importId: id })
    await app.queue.enqueue(tx, 'import-tasks', { importId: id })
  })
  work({ app, after: (end) => t.after(end) })
  await untilJobsEnd(job)
  assert.equal((await importOf(project, id)).state, 'done')
  assert.equal(await tasksOf(project), 80)
  // What has ended is not begun anew; rows that are gone cannot be.
  const revive = () => db().write(async (tx) => jobs['import-tasks'].revive?.(tx, { importId: id }))
  await revive()
  assert.equal((await importOf(project, id)).state, 'done')
  await job.sql(`update task_import set state = 'failed' where id = $1`, [id])
  await assert.rejects(revive(), /rows of this import were removed/)
})

test('an import that cannot be read ends with a reason for its owner', async (t) => {
  const [odd, lost, gone] = [
    await newProject(job, owner),
    await newProject(job, owner),
    await newProject(job, owner),
  ]
  const oddId = await confirmed(odd, listOf(1), 'nonsense')
  const lostId = await confirmed(lost, listOf(1))
  await app.files.remove((await importOf(lost, lostId)).fileKey ?? '')
  await job.sql(`update outbox set attempts = 3 where done is null`)
  const goneId = await confirmed(gone, listOf(1))
  await deleteProject(db(), owner, gone)
  work({ app, after: (end) => t.after(end) })
  await untilJobsEnd(job)
  for (const [project, id] of [
    [odd, oddId],
    [lost, lostId],
  ] as const) {
    const { state, error } = await importOf(project, id)
    assert.deepEqual([state, /trying again may help/.test(error ?? '')], ['failed', true])
  }
  assert.equal(await begin(goneId), undefined)
  assert.equal((await listProjectImports(db(), owner, lost)).length, 1)
  await assert.rejects(openReport(app, db(), owner, lost, lostId), NotFoundError)
})

test('while an import is at work its row says how far it is', async () => {
  const project = await newProject(job, owner)
  const id = await confirmed(project, listOf(20))
  const running = await begin(id)
  async function* slowly() {
    for (let n = 0; n < 20; n += 1) {
      yield { info: { n } }
      if (n !== 10) continue
      await job.sql(`select pg_sleep(1.1)`)
      for await (const chunk of running?.rows() ?? []) {
        assert.ok(chunk.length > 0)
        await eventually(async () => {
          const [row] = await job.sql('select bytes_done, n_rows_done from task_import where id = $1', [id])
          return Number(row?.['n_rows_done']) > 0 && Number(row?.['bytes_done']) > 0
        })
      }
    }
  }
  await running?.store(slowly())
  assert.equal((await importOf(project, id)).nRowsDone, 20)
  await job.sql('update outbox set done = now() where done is null')
})
