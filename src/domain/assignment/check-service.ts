import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { sqlState } from '../../platform/postgres.ts'
import type { Tx } from '../../platform/postgres.ts'
import { KEPT_DAYS } from '../../platform/queue.ts'
import { lockForReconciling, reconcileLocked, withdrawStrayRuns } from '../tasks/rule-service.ts'
import { findTotalDifferences, recountTotals } from '../totals/total-service.ts'
import type { TotalDifference } from '../totals/total-service.ts'
import {
  TASK_PARTS,
  countStrays,
  insertMissingContributors,
  insertMissingSched,
  inspectContributors,
  inspectRuns,
  inspectTasks,
  listProjectsToCheck,
  lockContributors,
  recountContributors,
  removeStrays,
  withoutEvent,
} from './check-repository.ts'
import type { Part, TaskPart, TaskProblem, WrongTask } from './check-repository.ts'

/** Tasks and task runs that one reading statement looks at. */
const READ_BATCH = 10_000
/** Contributors whose task runs one reading statement counts. */
const CONTRIBUTOR_BATCH = 2_000
/** Rows that one writing transaction locks: short, so that nobody waits for it. */
const WRITE_BATCH = 1_000
/** So young a result's completion event must still be there: ended jobs are forgotten a little later. */
const EVENT_DAYS = KEPT_DAYS.done - 1
const FIRST_IDS = 5

/** What can disagree: something about a task, a row whose task is gone, or a contributor's counters. */
export type Problem = TaskProblem | `stray-${TaskPart}` | 'stray-run' | 'contributor'

export interface Finding {
  count: number
  /** The first few tasks; of `stray-run` task runs, of `contributor` contributors. */
  firstIds: number[]
}

export interface ProjectReport {
  shortName: string
  nTasks: number
  findings: ReadonlyMap<Problem, Finding>
  /** Undefined when they were not compared, because what they are counted from does not agree. */
  totals: TotalDifference[] | undefined
  /** Tasks that a repair could not mend. */
  leftWrong: readonly number[]
}

/** What one check has at hand. */
interface Check {
  app: Pick<App, 'queue'>
  openDb: () => RequestDb
  projectId: number
  repair: boolean
  findings: Map<Problem, Finding>
  leftWrong: number[]
}

/**
 * Proves of each project that counters, task runs, leases, results, order keys, states and totals agree with the rows,
 * and with `repair` mends what does not. The site may run: what looks wrong is looked at again under its locks.
 *
 * @param options.only the id or short name of the one project to check.
 */
export async function* checkProjects(
  app: Pick<App, 'queue'>,
  openDb: () => RequestDb,
  options: { only?: string | undefined; repair: boolean },
): AsyncGenerator<ProjectReport> {
  const projects = await openDb().readPrimary((primary) => listProjectsToCheck(primary, options.only))
  for (const { id, shortName } of projects) {
    const check: Check = {
      app,
      openDb,
      projectId: id,
      repair: options.repair,
      findings: new Map<Problem, Finding>(),
      leftWrong: [],
    }
    yield { shortName, ...(await checkProject(check)) }
  }
}

/** Whether nothing was wrong. */
export function agrees({ findings, totals }: ProjectReport): boolean {
  return findings.size === 0 && totals?.length === 0
}

async function checkProject(check: Check): Promise<Omit<ProjectReport, 'shortName'>> {
  const { openDb, projectId, repair, findings, leftWrong } = check
  for (const table of TASK_PARTS) await checkStrays(check, table)
  const uncounted = await checkRuns(check)
  const nTasks = await checkTasks(check)
  await checkContributors(check, uncounted)
  // Totals are counted from all that: they are compared when it agrees, and counted anew when it was mended.
  const totals = findings.size === 0 ? await findTotalDifferences(openDb(), projectId) : undefined
  if (repair && totals?.length !== 0) await patiently(openDb, (tx) => recountTotals(tx, projectId))
  return { nTasks, findings, totals, leftWrong }
}

function note({ findings }: Check, problem: Problem, ids: readonly number[]): void {
  const { count, firstIds } = findings.get(problem) ?? { count: 0, firstIds: [] }
  if (ids.length === 0) return
  findings.set(problem, {
    count: count + ids.length,
    firstIds: [...firstIds, ...ids].slice(0, FIRST_IDS),
  })
}

/** Rows whose task is gone: nobody can lock what is not there, so the primary decides. */
async function checkStrays(check: Check, table: TaskPart): Promise<void> {
  const { openDb, projectId, repair, findings } = check
  const { count } = await openDb().read((reader) => countStrays(reader, projectId, table))
  if (count === 0) return
  const found = await openDb().readPrimary((primary) => countStrays(primary, projectId, table))
  if (found.count === 0) return
  findings.set(`stray-${table}`, found)
  if (!repair) return
  while ((await patiently(openDb, (tx) => removeStrays(tx, projectId, table, WRITE_BATCH))) > 0);
}

/** Looks for task runs whose task is gone; the contributors of task runs who have no row that counts them. */
async function checkRuns(check: Check): Promise<Set<number>> {
  const { openDb, projectId, repair } = check
  const uncounted = new Set<number>()
  await eachPart(READ_BATCH, async (part) => {
    const seen = await openDb().read((reader) => inspectRuns(reader, projectId, part))
    for (const ids of slices(seen.strayIds)) {
      const strayIds = await patiently(openDb, async (tx) => {
        const again = await inspectRuns(tx, projectId, { ids })
        if (repair) await withdrawStrayRuns(tx, projectId, again.strayIds)
        return again.strayIds
      })
      note(check, 'stray-run', strayIds)
    }
    for (const id of seen.uncounted) uncounted.add(id)
    return seen.last
  })
  return uncounted
}

/** Looks at all tasks in id order; how many there are. */
async function checkTasks(check: Check): Promise<number> {
  const { openDb, projectId } = check
  let nTasks = 0
  await eachPart(READ_BATCH, async (part) => {
    const seen = await openDb().read((reader) => inspectTasks(reader, projectId, part, EVENT_DAYS))
    const eventless = await openDb().read((reader) =>
      withoutEvent(reader, projectId, seen.eventless, EVENT_DAYS),
    )
    const suspects = new Set([...seen.wrong.map(({ id }) => id), ...eventless])
    for (const ids of slices([...suspects].sort((a, b) => a - b))) await checkTasksAgain(check, ids)
    nTasks += seen.nTasks
    return seen.last
  })
  return nTasks
}

/** Looks at tasks under their locks, and mends those that are wrong. */
async function checkTasksAgain(check: Check, ids: readonly number[]): Promise<void> {
  const { openDb, repair, leftWrong } = check
  const { wrong, left } = await patiently(openDb, async (tx) => {
    await lockForReconciling(tx, ids)
    const confirmed = await wrongTasks(tx, check, ids)
    return { wrong: confirmed, left: repair ? await mendTasks(tx, check, confirmed) : [] }
  })
  for (const problem of new Set(wrong.flatMap(({ problems }) => problems)))
    note(check, problem, idsWith(wrong, problem))
  leftWrong.push(...left)
}

async function wrongTasks(tx: Tx, { projectId }: Check, ids: readonly number[]): Promise<WrongTask[]> {
  const { wrong, eventless } = await inspectTasks(tx, projectId, { ids }, EVENT_DAYS)
  const problems = new Map(wrong.map((task) => [task.id, task.problems]))
  for (const id of await withoutEvent(tx, projectId, eventless, EVENT_DAYS))
    problems.set(id, [...(problems.get(id) ?? []), 'event'])
  return [...problems].map(([id, its]) => ({ id, problems: its })).sort((a, b) => a.id - b.id)
}

function idsWith(wrong: readonly WrongTask[], problem: TaskProblem): number[] {
  return wrong.filter(({ problems }) => problems.includes(problem)).map(({ id }) => id)
}

/** Mends locked tasks; those that are wrong still. */
async function mendTasks(tx: Tx, check: Check, wrong: readonly WrongTask[]): Promise<number[]> {
  const { app, projectId } = check
  const ids = wrong.map(({ id }) => id)
  if (ids.length === 0) return []
  const missing = idsWith(wrong, 'no-sched')
  if (missing.length > 0) {
    await insertMissingSched(tx, projectId, missing)
    await lockForReconciling(tx, missing)
  }
  await reconcileLocked(tx, projectId, ids)
  const left = await wrongTasks(tx, check, ids)
  for (const taskId of idsWith(left, 'event'))
    await app.queue.enqueue(tx, 'note-task-completed', { projectId, taskId })
  return left.filter(({ problems }) => problems.some((problem) => problem !== 'event')).map(({ id }) => id)
}

async function checkContributors(check: Check, uncounted: ReadonlySet<number>): Promise<void> {
  const { openDb, projectId } = check
  for (const ids of slices([...uncounted])) await checkContributorsAgain(check, ids)
  await eachPart(CONTRIBUTOR_BATCH, async (part) => {
    const seen = await openDb().read((reader) => inspectContributors(reader, projectId, part))
    for (const ids of slices(seen.wrong)) await checkContributorsAgain(check, ids)
    return seen.last
  })
}

/** Looks at contributors' counters under their locks, and counts those that are wrong anew. */
async function checkContributorsAgain(check: Check, ids: readonly number[]): Promise<void> {
  const { openDb, projectId, repair } = check
  const wrong = await patiently(openDb, async (tx) => {
    await lockContributors(tx, projectId, ids)
    const again = await inspectContributors(tx, projectId, { ids })
    if (repair && again.wrong.length > 0) {
      await insertMissingContributors(tx, projectId, again.wrong)
      await lockContributors(tx, projectId, again.wrong)
      await recountContributors(tx, projectId, again.wrong)
    }
    return again.wrong
  })
  note(check, 'contributor', wrong)
}

/** Takes a look at part after part, until one has no last row. */
async function eachPart(limit: number, look: (part: Part) => Promise<number | null>): Promise<void> {
  let last: number | null = 0
  while (last !== null) last = await look({ after: last, limit })
}

function slices(ids: readonly number[]): number[][] {
  return Array.from({ length: Math.ceil(ids.length / WRITE_BATCH) }, (_, n) =>
    ids.slice(n * WRITE_BATCH, (n + 1) * WRITE_BATCH),
  )
}

/** The site does not step aside for a check: a transaction that waited too long, or was in the way, begins again. */
const IN_THE_WAY = new Set(['40P01', '40001', '55P03'])
const TRIES = 10
const PAUSE_MS = 300

async function patiently<T>(openDb: () => RequestDb, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await openDb().write(work, { retries: 3 })
    } catch (error) {
      if (left <= 0 || !IN_THE_WAY.has(sqlState(error) ?? '')) throw error
      await sleep(PAUSE_MS)
    }
  }
}
