import { z } from 'zod'
import { AppError, InvalidError } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import { currentRequestId } from '../../platform/request-context.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit, recordChange } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { previewRules } from './rule-preview-repository.ts'
import type { PreviewedRules } from './rule-preview-repository.ts'
import {
  REORDER_BATCH,
  findRunsOfTasks,
  findTaskIds,
  findTasksOfRuns,
  fitRedundancyToRuns,
  lockContributorsOf,
  lockPlaces,
  lockTasks,
  reconcileTasks,
  reorderTasks,
  updateTaskColumns,
  withdrawRuns,
} from './task-repository.ts'
import type { Reconciled } from './task-repository.ts'

/** A change of the rules by which tasks are handed out and finished, or of what was answered. */
export const RuleChange = z.discriminatedUnion('rule', [
  z.strictObject({
    rule: z.literal('redundancy'),
    nAnswers: z
      .int('Use a whole number.')
      .min(1, 'At least 1 answer.')
      .max(10_000, 'At most 10,000 answers.'),
  }),
  z.strictObject({
    rule: z.literal('priority'),
    priority: z.number('Use a number.').min(0, 'At least 0.').max(1, 'At most 1.'),
  }),
  z.strictObject({ rule: z.literal('calibration'), calibration: z.int().min(0).max(1) }),
  // State follows from redundancy: a task is closed by wanting no more than it has, and opened by wanting one more.
  z.strictObject({ rule: z.literal('state'), state: z.enum(['completed', 'ongoing']) }),
  z.strictObject({ rule: z.literal('withdraw-runs'), runIds: z.array(z.int()).min(1).max(100_000) }),
])
export type RuleChange = z.infer<typeof RuleChange>

/** What a change of rules does, or would do. */
export interface RuleEffect extends Reconciled {
  /** Tasks that were looked at. */
  nTasks: number
  nWithdrawn: number
}

/** A change that somebody may make, and who. */
export interface RuleOrder {
  projectId: number
  tasks: readonly number[] | 'all'
  change: RuleChange
  userId: number
  caller: 'web' | 'api'
}

/** More tasks than these are changed by a worker: nobody waits that long for a reply. */
const AT_ONCE_MAX = 20_000

/**
 * Changes the rules of tasks while people work on them, all or nothing. A dry run only reads: it says what would happen
 * at that moment.
 *
 * @param tasks the tasks to change; those of other projects are left alone. Withdrawing runs finds its own.
 * @returns what happened, or would; `isQueued` when a worker makes the change soon, because it is a large one.
 * @throws InvalidError for a change that is out of range; AppError conflict while a worker has yet to make the same
 *   change; UnauthenticatedError or ForbiddenError for others than owners.
 */
export async function changeRules(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  tasks: readonly number[] | 'all',
  change: RuleChange,
  options: { dryRun: boolean; caller: 'web' | 'api' },
): Promise<RuleEffect & { isQueued: boolean }> {
  const editor = mustEdit(viewer, project)
  const parsed = RuleChange.safeParse(change)
  if (!parsed.success) throw new InvalidError('This change is not possible.', fieldErrors(parsed.error))
  const order = {
    projectId: project.id,
    tasks: listed(tasks),
    change: parsed.data,
    userId: editor.id,
    caller: options.caller,
  }
  // Asked first: to preview a large change costs more.
  const waits = (reader: Db) => app.queue.isUnfinished(reader, 'change-rules', order)
  if (!options.dryRun && (await db.readPrimary(waits))) throw waitsAlready()
  const preview = await db.readPrimary((reader) =>
    previewRules(reader, project.id, tasks, previewed(parsed.data)),
  )
  if (options.dryRun) return { ...preview, isQueued: false }
  if (preview.nTasks > AT_ONCE_MAX) {
    const queued = await db.write((tx) =>
      app.queue.enqueue(tx, 'change-rules', order, { unlessUnfinished: true }),
    )
    if (queued === undefined) throw waitsAlready()
    return { ...preview, isQueued: true }
  }
  return { ...(await carryOut(db, order)), isQueued: false }
}

function waitsAlready(): AppError {
  return new AppError('conflict', 'This very change has been ordered and is not made yet. It is made soon.')
}

/** The task runs of some of a project's tasks that are not withdrawn, for withdrawing them. */
export async function listRunsOf(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  taskIds: readonly number[],
): Promise<number[]> {
  mustEdit(viewer, project)
  const runIds = await db.readPrimary((reader) => findRunsOfTasks(reader, project.id, taskIds))
  if (runIds.length === 0) throw new InvalidError('These tasks have no answers.')
  return runIds
}

function listed(tasks: readonly number[] | 'all'): number[] | 'all' {
  return tasks === 'all' ? 'all' : [...tasks]
}

function previewed(change: RuleChange): PreviewedRules {
  switch (change.rule) {
    case 'redundancy':
      return { nAnswers: change.nAnswers }
    case 'priority':
      return {}
    case 'calibration':
      return { calibration: change.calibration }
    case 'state':
      return { moreThanRuns: change.state === 'completed' ? 0 : 1 }
    case 'withdraw-runs':
      return { withdrawnRunIds: change.runIds }
  }
}

/**
 * Makes a change in one transaction, however many tasks it has. Who answers one of them meanwhile waits, or is asked to
 * try again.
 */
export async function carryOut(
  db: RequestDb,
  { projectId, tasks, change, userId, caller }: RuleOrder,
): Promise<RuleEffect> {
  return db.write(
    async (tx) => {
      const effect = await applyRule(tx, projectId, tasks, change)
      const { rule, ...after } = change
      await recordChange(
        tx,
        { id: projectId },
        { userId, caller, attribute: `tasks.${rule}`, after: { ...after, tasks: listed(tasks) } },
      )
      return effect
    },
    { retries: 3 },
  )
}

/** Tasks that one statement changes, far within the role's time limit. */
const SLICE = 2_000

async function applyRule(
  tx: Tx,
  projectId: number,
  tasks: readonly number[] | 'all',
  change: RuleChange,
): Promise<RuleEffect> {
  const withdraws = change.rule === 'withdraw-runs'
  const ids = withdraws
    ? await findTasksOfRuns(tx, projectId, change.runIds)
    : await findTaskIds(tx, projectId, tasks)
  const slices = Array.from({ length: Math.ceil(ids.length / SLICE) }, (_, n) =>
    ids.slice(n * SLICE, (n + 1) * SLICE),
  )
  if (withdraws) await lockContributorsOf(tx, projectId, { runIds: change.runIds })
  // All places before the first task: a sweep that has locked a place may be waiting for any task.
  for (const slice of slices) await lockPlaces(tx, slice)
  for (const slice of slices) await lockTasks(tx, slice)
  const nWithdrawn = withdraws ? (await withdrawRuns(tx, projectId, change.runIds, 'owner')).nWithdrawn : 0
  const effect = {
    ...{ nTasks: ids.length, nWithdrawn },
    ...{ nClosed: 0, nReopened: 0, nBecameExtra: 0, nBecameCounted: 0, nPlacesBack: 0 },
  }
  for (const slice of slices) {
    await writeRule(tx, slice, change)
    const reconciled = await reconcileTasks(tx, projectId, slice, currentRequestId())
    effect.nClosed += reconciled.nClosed
    effect.nReopened += reconciled.nReopened
    effect.nBecameExtra += reconciled.nBecameExtra
    effect.nBecameCounted += reconciled.nBecameCounted
    effect.nPlacesBack += reconciled.nPlacesBack
  }
  return effect
}

async function writeRule(tx: Tx, ids: readonly number[], change: RuleChange): Promise<void> {
  switch (change.rule) {
    case 'redundancy':
      await updateTaskColumns(tx, ids, { nAnswers: change.nAnswers })
      break
    case 'priority':
      await updateTaskColumns(tx, ids, { priority: change.priority })
      break
    case 'calibration':
      await updateTaskColumns(tx, ids, { calibration: change.calibration })
      break
    case 'state':
      await fitRedundancyToRuns(tx, ids, change.state === 'completed' ? 0 : 1)
      break
    case 'withdraw-runs':
      break
  }
}

/** Brings a project's tasks into the order of its scheduler, batch by batch; safe to run twice and side by side. */
export async function reorderProject(openDb: () => RequestDb, projectId: number): Promise<void> {
  let last: number | undefined = 0
  while (last !== undefined) {
    const after: number = last
    last = await openDb().call((primary) => reorderTasks(primary, projectId, after, REORDER_BATCH), {
      silent: true,
    })
  }
}

/** Withdraws task runs and makes their tasks agree with it; whoever gave them keeps no place. */
export async function withdrawTaskRuns(
  tx: Tx,
  projectId: number,
  runIds: readonly number[],
  by: 'owner' | 'contributor',
): Promise<void> {
  await withdrawRuns(tx, projectId, runIds, by)
  await reconcileTasks(tx, projectId, await findTasksOfRuns(tx, projectId, runIds), currentRequestId())
}

/** Locks the tasks of task runs, and the counters of whoever gave them, in the order in which submitting takes them. */
export async function lockForWithdrawing(
  tx: Tx,
  projectId: number,
  run: { id: number; taskId: number },
): Promise<void> {
  await lockContributorsOf(tx, projectId, { runIds: [run.id] })
  await lockTasks(tx, [run.taskId])
}

/** Locks tasks against everybody who hands them out, answers them or changes their rules. */
export async function lockForReconciling(tx: Tx, taskIds: readonly number[]): Promise<void> {
  await lockTasks(tx, taskIds)
}

/** Makes everything about locked tasks agree with their rows again where no rule was changed. */
export async function reconcileLocked(
  tx: Tx,
  projectId: number,
  taskIds: readonly number[],
): Promise<Reconciled> {
  return reconcileTasks(tx, projectId, taskIds, currentRequestId())
}

/** Withdraws task runs whose task is gone: they stay as history, and count for nobody. */
export async function withdrawStrayRuns(tx: Tx, projectId: number, runIds: readonly number[]): Promise<void> {
  await withdrawRuns(tx, projectId, runIds, 'check')
}
