import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { newTask, submitTaskRun, withdrawTaskRun } from '../../../src/domain/assignment/assignment-service.ts'
import type { ContributorKey } from '../../../src/domain/contributors/contributor-service.ts'
import { scanCut } from '../../../src/domain/exports/cut-scan.ts'
import { exportRows } from '../../../src/domain/exports/export-rows.ts'
import type { ExportRows } from '../../../src/domain/exports/export-rows.ts'
import { getProjectById } from '../../../src/domain/projects/project-service.ts'
import { addFavourite } from '../../../src/domain/tasks/favourite-service.ts'
import { deleteTaskRun, updateTaskRun } from '../../../src/domain/task-runs/task-run-service.ts'
import type { TaskRun } from '../../../src/domain/task-runs/task-run-service.ts'
import { createTask, deleteTask, updateTask } from '../../../src/domain/tasks/task-service.ts'
import type { Task } from '../../../src/domain/tasks/task-service.ts'
import { updateResult } from '../../../src/domain/results/result-service.ts'
import { AppError } from '../../../src/lib/errors.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually, newOwner, newProject, startJobApp } from '../../support/jobs.ts'

const job = await startJobApp(untilFileEnds())
const { app } = job
/** The first account is an admin's, who may do everything. */
const admin = await newOwner(job)
const NOUNS = ['task', 'task_run', 'result'] as const
type Noun = (typeof NOUNS)[number]
type Rows = Map<number, string>

/** What is there, seen by the transaction whose cut it is: as JSON, by noun and id. */
const TRUTH: Record<Noun, string> = {
  task: `select id, jsonb_build_array(state, n_answers, priority_0, coalesce(fav_user_ids, '{}'), info)::text as row
           from task where project_id = $1`,
  task_run: `select id, jsonb_build_array(task_id, finish_time, info)::text as row
               from task_run where project_id = $1 and withdrawn is null`,
  result: `select id, jsonb_build_array(task_id, task_run_ids, info)::text as row
             from result where project_id = $1 and last_version`,
}

/** The same of an exported row. */
const SHOWN: Record<Noun, (row: Record<string, unknown>) => unknown[]> = {
  task: (row) => [row['state'], row['n_answers'], row['priority_0'], row['fav_user_ids'] ?? [], row['info']],
  task_run: (row) => [row['task_id'], `${String(row['finish_time'])}+00:00`, row['info']],
  result: (row) => [row['task_id'], row['task_run_ids'], row['info']],
}

interface Moment {
  readonly cut: string
  readonly truth: Record<Noun, Rows>
}

async function takeMoment(projectId: number): Promise<Moment> {
  const client = await app.database.pools.write.connect()
  try {
    await client.query('begin isolation level repeatable read')
    const { rows } = await client.query<{ cut: string }>('select pg_current_snapshot()::text as cut')
    const truth: Partial<Record<Noun, Rows>> = {}
    for (const noun of NOUNS) {
      const found = await client.query<{ id: number; row: string }>(TRUTH[noun], [projectId])
      truth[noun] = new Map(found.rows.map(({ id, row }) => [id, normal(JSON.parse(row))]))
    }
    await client.query('commit')
    return { cut: rows[0]?.cut ?? '', truth: truth as Record<Noun, Rows> }
  } finally {
    client.release()
  }
}

/** Times of jsonb lack the zeros that exports have. */
function normal(row: unknown): string {
  return JSON.stringify(row).replaceAll(/(\.\d*?)0*\+00:00/g, '$1Z')
}

async function open(projectId: number, noun: Noun, cut: string, since: string | null): Promise<ExportRows> {
  const at = { projectId, cut, since }
  const { readPrimary: read } = job.db()
  const told = () => Promise.resolve()
  const scan = await scanCut(read, at, noun, { wantsColumns: false, told })
  return exportRows({ read, cut: at, table: noun, scan, signal: new AbortController().signal, told })
}

async function exported(
  projectId: number,
  noun: Noun,
  cut: string,
  since: string | null = null,
): Promise<Rows> {
  const rows = await open(projectId, noun, cut, since)
  const parts: Buffer[] = []
  await rows.writeJson((part) => Promise.resolve(void parts.push(part)), 'list')
  const list = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>[]
  assert.equal(list.length, rows.nRows)
  return new Map(list.map((row) => [Number(row['id']), normal(SHOWN[noun](row))]))
}

async function deleted(projectId: number, noun: Noun, cut: string, since: string): Promise<number[]> {
  const ids: number[] = []
  for await (const some of (await open(projectId, noun, cut, since)).deletedIds()) ids.push(...some)
  return ids
}

function pick<T>(list: readonly T[]): T | undefined {
  return list.length === 0 ? undefined : list[randomInt(list.length)]
}

/** Everything that people do to what exports show. */
async function startWriters(projectId: number, stopped: () => boolean): Promise<unknown> {
  const project = await getProjectById(job.db(), projectId)
  const one = async <T>(statement: string): Promise<T | undefined> =>
    pick((await job.sql(statement, [projectId])) as T[])
  const aTask = () => one<Task>('select id, project_id as "projectId" from task where project_id = $1')
  const aRun = () =>
    one<TaskRun>(
      `select id, project_id as "projectId", task_id as "taskId", contributor_id as "contributorId"
         from task_run where project_id = $1 and withdrawn is null`,
    )
  const someone = (): ContributorKey => ({
    kind: 'external',
    projectId,
    externalUid: `person ${randomInt(6)}`,
  })
  const answerOne = async (undo: boolean) => {
    const who = someone()
    const [task] = await newTask(app, job.db(), project, who, { limit: 1, offset: 0 })
    if (!task) return
    const run = { projectId, taskId: task.id, info: { n: randomInt(100) } }
    const { id } = await submitTaskRun(app, job.db(), who, run, 'test')
    if (undo) await withdrawTaskRun(app, job.db(), projectId, who, id)
  }
  const onTask = async (change: (task: Task) => Promise<unknown>) => {
    const task = await aTask()
    if (task) await change(task)
  }
  const acts: (() => Promise<unknown>)[] = [
    () => answerOne(false),
    () => answerOne(false),
    () => answerOne(false),
    () => answerOne(true),
    () => createTask(job.db(), admin, project, { info: { made: randomUUID() }, nAnswers: 2 }),
    () => onTask((task) => updateTask(job.db(), admin, project, task, { nAnswers: 1 + randomInt(3) })),
    () =>
      onTask((task) => updateTask(job.db(), admin, project, task, { info: { changed: randomInt(1_000) } })),
    () => onTask((task) => addFavourite(job.db(), admin, task.id)),
    () =>
      onTask((task) => (randomInt(4) > 0 ? Promise.resolve() : deleteTask(job.db(), admin, project, task))),
    async () => {
      const run = await aRun()
      if (run) await deleteTaskRun(job.db(), admin, run)
    },
    async () => {
      const run = await aRun()
      if (run) await updateTaskRun(job.db(), admin, run, { info: { corrected: randomInt(1_000) } })
    },
    async () => {
      const result = await one<Record<string, unknown>>('select id from result where project_id = $1')
      if (result) await updateResult(job.db(), admin, project, result, { majority: randomInt(100) })
    },
  ]
  const loop = async () => {
    while (!stopped()) {
      try {
        await pick(acts)?.()
      } catch (error) {
        // Somebody else was first.
        if (!(error instanceof AppError)) throw error
      }
    }
  }
  return Promise.all([loop(), loop(), loop()])
}

test('a cut shows what was there at its moment, and a delta leads from one cut to the next, whoever writes meanwhile', async (t) => {
  const { id } = await newProject(
    job,
    admin,
    Array.from({ length: 12 }, (_, n) => ({ n })),
  )
  await job.sql('update project set published = true, undo_seconds = 60 where id = $1', [id])
  let isStopped = false
  const writers = startWriters(id, () => isStopped)
  // Two that are long in flight: what they wrote is in none of the cuts, and never comes in one case.
  const [slow, broken] = await Promise.all([
    app.database.pools.write.connect(),
    app.database.pools.write.connect(),
  ])
  // Kept by a test that fails, they would keep its file from ending.
  t.after(() => {
    slow.release(true)
    broken.release(true)
  })
  const moments: Moment[] = []
  for (let n = 0; n < 8; n += 1) {
    if (n === 2) {
      await slow.query('begin')
      await slow.query(`insert into task (project_id, info) values ($1, '"slow"')`, [id])
      await broken.query('begin')
      await broken.query(`insert into task (project_id, info) values ($1, '"broken"')`, [id])
    }
    if (n === 5) await Promise.all([slow.query('commit'), broken.query('rollback')])
    const before = await countRuns(id)
    await eventually(async () => (await countRuns(id)) > before + 2)
    moments.push(await takeMoment(id))
  }
  isStopped = true
  await writers

  for (const [index, moment] of moments.entries())
    await assertShows(id, moment, moments[index - 1 - (index % 3)])
  const [first, last] = [moments[0], moments.at(-1)]
  assert.ok(first && last)
  assert.ok([...last.truth.task.values()].some((row) => row.includes('slow')))
  // Nothing happens between two cuts: nothing is new.
  const [calm, calmer] = [await takeMoment(id), await takeMoment(id)]
  for (const noun of NOUNS) assert.equal((await exported(id, noun, calmer.cut, calm.cut)).size, 0)
  const [past] = await job.sql('select count(*) as n from row_version')
  assert.ok(Number(past?.['n']) > 0)
})

/** What a cut shows is what was there, and the delta from an earlier one leads to it. */
async function assertShows(id: number, { cut, truth }: Moment, earlier: Moment | undefined): Promise<void> {
  for (const noun of NOUNS) {
    assert.deepEqual(await exported(id, noun, cut), truth[noun])
    if (!earlier) continue
    const patched: Rows = new Map([...earlier.truth[noun], ...(await exported(id, noun, cut, earlier.cut))])
    for (const one of await deleted(id, noun, cut, earlier.cut))
      assert.ok(earlier.truth[noun].has(one) && patched.delete(one))
    assert.deepEqual(sorted(patched), sorted(truth[noun]))
  }
}

async function countRuns(projectId: number): Promise<number> {
  const [row] = await job.sql('select count(*) as n from task_run where project_id = $1', [projectId])
  return Number(row?.['n'])
}

function sorted(rows: Rows): [number, string][] {
  return [...rows].sort(([a], [b]) => a - b)
}
