import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { confirmImport, draftImport, getImport } from '../../../src/domain/imports/import-service.ts'
import { beginImport } from '../../../src/domain/imports/import-work.ts'
import type { Project } from '../../../src/domain/projects/project-service.ts'
import { addTasks } from '../../../src/domain/tasks/task-service.ts'
import type { TaskInput } from '../../../src/domain/tasks/task-service.ts'
import type { User } from '../../../src/domain/users/user-service.ts'
import { sqlState } from '../../../src/platform/postgres.ts'
import { eventually, newOwner, newProject, startJobApp } from '../../support/jobs.ts'
import type { JobApp } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'

async function* three(fails = false): AsyncGenerator<TaskInput> {
  for (const n of [1, 2, 3]) {
    if (fails && n === 3) throw new Error('the last row is broken')
    yield await Promise.resolve({ info: { n }, nAnswers: 1 })
  }
}

/** Keeps a draft that its owner confirms, and stores it with the tasks given. */
async function startDraft(job: JobApp, owner: User, project: Project) {
  const { app, db } = job
  const source = { importer: 'csv', fileName: 'list.csv', content: Readable.from(['n\n1\n2\n3\n']) }
  const id = await draftImport(app, db(), owner, project, source)
  await waitForReplica()
  const record = await getImport(db(), owner, project, id)
  await confirmImport(app, db(), owner, project, { record, options: {} })
  const store = async (tasks: AsyncIterable<TaskInput>) => {
    const work = await beginImport(app, { openDb: db, signal: new AbortController().signal }, id)
    await work?.store(tasks)
  }
  return { id, fileKey: record.fileKey ?? '', store }
}

test('an import is stored once, however often its job runs', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const { fileKey, store } = await startDraft(job, owner, project)
  await store(three())
  await store(three())
  assert.deepEqual(await job.sql('select n_added, n_skipped, state from task_import'), [
    { n_added: 3, n_skipped: 0, state: 'done' },
  ])
  assert.equal(await job.app.files.size(fileKey), undefined)
})

test('a draft whose last row fails leaves no task, and can be stored later', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const { fileKey, store } = await startDraft(job, owner, project)
  await assert.rejects(store(three(true)), /the last row is broken/)
  assert.deepEqual(await job.sql('select 1 from task'), [])
  assert.notEqual(await job.app.files.size(fileKey), undefined)
  await store(three())
  assert.equal((await job.sql('select 1 from task')).length, 3)
})

async function* many(count: number, each: (n: number) => Partial<TaskInput>): AsyncGenerator<TaskInput> {
  for (let n = 1; n <= count; n += 1) yield await Promise.resolve({ info: { n }, nAnswers: 1, ...each(n) })
}

/** Enough for several slices. */
const ROWS = 6_000
const padding = 'x'.repeat(1_000)

test('tasks of several slices keep their order, repeats and what the project has are skipped, calibration stays closed', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ n: 1, padding }])
  await job.sql('update project set scheduler = $1 where id = $2', ['random', project.id])
  await job.sql('delete from project_delta')
  const { store } = await startDraft(job, owner, project)
  // Each second row repeats the one before it, its keys the other way round; the last one repeats the second.
  await store(
    many(ROWS, (row) => {
      const n = row === ROWS ? 2 : Math.ceil(row / 2)
      return {
        info: row % 2 === 0 ? { n, padding } : { padding, n },
        calibration: Number(n % 10 === 0),
        expectedInfo: n % 10 === 0 ? { is: n } : undefined,
        priority: 0.25,
      }
    }),
  )
  const imported = ROWS / 2 - 1
  assert.deepEqual(await job.sql('select n_added, n_skipped, n_rows from task_import'), [
    { n_added: imported, n_skipped: 1, n_rows: ROWS },
  ])
  const wrong = await job.sql(
    `select t.id from (select *, row_number() over (order by id) as place from task) t
       join task_sched s on s.task_id = t.id
      where (t.info->>'n')::int <> place
         or place > 1 and (s.sched, s.ord, s.nprio, s.open, s.calibrates, t.expected_info->>'is') is distinct from
              ('r'::"char", hashint8(t.id), -0.25::real, place % 10 <> 0, place % 10 = 0,
               case when place % 10 = 0 then place::text end)`,
  )
  assert.deepEqual(wrong, [])
  assert.deepEqual(await job.sql('select n_tasks, n_calibration_tasks, n_wanted from project_delta'), [
    {
      n_tasks: imported - ROWS / 20,
      n_calibration_tasks: ROWS / 20,
      n_wanted: imported - ROWS / 20,
    },
  ])
})

test('an import that breaks in a later slice leaves nothing, whoever broke it, and closes its source', async (t) => {
  const job = await startJobApp(t, { DATABASE_POOL_MAX: '1' })
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const { store } = await startDraft(job, owner, project)
  let isClosed = false
  async function* breaking(atRow: (n: number) => Partial<TaskInput>): AsyncGenerator<TaskInput> {
    isClosed = false
    try {
      yield* many(ROWS, (n) => ({ info: { n, padding }, ...(n === ROWS - 10 ? atRow(n) : {}) }))
    } finally {
      isClosed = true
    }
  }
  const own = new Error('a broken row')
  const failures: [(n: number) => Partial<TaskInput>, (error: unknown) => boolean][] = [
    [
      () => {
        throw own
      },
      (error) => error === own,
    ],
    // A NUL, which jsonb does not hold; a constraint of task.
    [() => ({ info: 'a\0b' }), (error) => sqlState(error) === '22P05'],
    [() => ({ nAnswers: 0 }), (error) => sqlState(error) === '23514'],
    [() => ({ nAnswers: 0.5 }), (error) => sqlState(error) === '22P02'],
  ]
  for (const [atRow, isExpected] of failures) {
    await assert.rejects(store(breaking(atRow)), isExpected)
    assert.equal(isClosed, true)
    assert.deepEqual(await job.sql('select 1 from task union all select 1 from task_sched'), [])
  }
  await store(three())
  assert.equal((await job.sql('select 1 from task')).length, 3)
})

test('a lost connection ends the import with an error', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const { store } = await startDraft(job, owner, project)
  async function* cut(): AsyncGenerator<TaskInput> {
    for await (const task of many(ROWS, (n) => ({ info: { n, padding } }))) {
      if ((task.info as { n: number }).n === ROWS - 10) {
        // Rows are read ahead, so the transaction may be at any of its statements.
        const ended = await job.sql(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()`,
        )
        assert.notDeepEqual(ended, [])
      }
      yield task
    }
  }
  await assert.rejects(store(cut()))
  assert.deepEqual(await job.sql('select 1 from task'), [])
})

test('whatever COPY treats specially is stored as it is', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const { store } = await startDraft(job, owner, project)
  const texts = [
    '\t',
    '\n',
    '\r\n',
    '\\',
    '\\N',
    '\\.',
    '\\t',
    '"',
    "'",
    '""',
    ',',
    '\b\f\v\u007f',
    '',
    ' ',
    '🌌',
    '\u2028',
  ]
  const infos = [...texts, texts.join(''), { '\\N\t\n"': '\\.' }, null]
  await store(
    many(infos.length, (n) => ({
      info: infos[n - 1] ?? null,
      calibration: 1,
      expectedInfo: infos[n - 1] ?? null,
    })),
  )
  const rows = await job.sql('select info, expected_info from task order by id')
  assert.deepEqual(
    rows,
    infos.map((info) => ({ info, expected_info: info })),
  )
})

test('a source is read no faster than the database takes it', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const { store } = await startDraft(job, owner, project)
  let read = 0
  const locked = Promise.withResolvers<undefined>()
  const lock = job.db().write(async (tx) => {
    await sql`lock table task in exclusive mode`.execute(tx)
    await locked.promise
  })
  const storing = store(
    many(20_000, (n) => {
      read = n
      return { info: { n, padding } }
    }),
  )
  await eventually(async () => {
    const [row] = await job.sql(
      `select count(*) as n from pg_locks where not granted and relation = 'task'::regclass`,
    )
    return row?.['n'] === 1
  })
  await sleep(300)
  // The slice that waits to be inserted, and the one made meanwhile.
  assert.ok(read < 10_000, `${read} rows were read`)
  locked.resolve(undefined)
  await lock
  await storing
  assert.equal(read, 20_000)
})

test('an import is as fast where the statistics know nothing of the tasks that are there', async (t) => {
  const job = await startJobApp(t)
  const project = await newProject(job, await newOwner(job))
  async function* tasks(from: number, to: number): AsyncGenerator<TaskInput> {
    for (let n = from; n < to; n += 1) yield await Promise.resolve({ info: { n } })
  }
  await job.db().write(async (tx) => {
    await addTasks(tx, project.id, tasks(0, 3_000))
    // As autovacuum does beside a large import: it sees pages, and no row in them.
    await job.asMigrator('analyze task')
  })
  const { rows } = await job.db().write(async (tx) => {
    const counts = await addTasks(tx, project.id, tasks(2_900, 3_100))
    assert.deepEqual(counts, { added: 100, known: 100, repeated: 0 })
    return sql<{ n: number }>`
      select sum(pg_stat_get_xact_tuples_returned(indexrelid))::int as n
        from pg_index where indrelid = 'task'::regclass`.execute(tx)
  })
  assert.ok((rows[0]?.n ?? Infinity) < 3_000, `${rows[0]?.n} entries of indexes were read for 200 rows`)
})
