import { z } from 'zod'
import { InvalidError } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import { currentRequestId } from '../../platform/request-context.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit, recordChange } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import {
  findTaskIds,
  findTasksOfRuns,
  fitRedundancyToRuns,
  lockContributorsOf,
  lockTasks,
  reconcileTasks,
  reorderTasks,
  updateTaskColumns,
  withdrawRuns,
} from './task-repository.ts'
import type { Reconciled } from './task-repository.ts'

/** A change of the rules by which tasks are handed out and finished, or of what was answered. */
const RuleChange = z.discriminatedUnion('rule', [
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

/** Carries the effect of a dry run out of its transaction, which is rolled back. */
class DryRun extends Error {
  readonly effect: RuleEffect

  constructor(effect: RuleEffect) {
    super('Only tried')
    this.effect = effect
  }
}

/**
 * Changes the rules of tasks while people work on them, all or nothing. A dry run does the same and takes it back: what
 * it says is what would happen at that moment.
 *
 * @param tasks the tasks to change; those of other projects are left alone. Withdrawing runs finds its own.
 * @throws InvalidError for a change that is out of range; UnauthenticatedError or ForbiddenError for others than owners.
 */
export async function changeRules(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  tasks: readonly number[] | 'all',
  change: RuleChange,
  options: { dryRun: boolean; caller: 'web' | 'api' },
): Promise<RuleEffect> {
  const editor = mustEdit(viewer, project)
  const parsed = RuleChange.safeParse(change)
  if (!parsed.success) throw new InvalidError('This change is not possible.', fieldErrors(parsed.error))
  const work = async (tx: Tx) => {
    const effect = await applyRule(tx, project.id, tasks, parsed.data)
    if (options.dryRun) throw new DryRun(effect)
    const { rule, ...after } = parsed.data
    await recordChange(tx, project, {
      userId: editor.id,
      caller: options.caller,
      attribute: `tasks.${rule}`,
      after: { ...after, tasks: tasks === 'all' ? 'all' : [...tasks] },
    })
    return effect
  }
  try {
    return await db.write(work, { retries: 3 })
  } catch (error) {
    if (error instanceof DryRun) return error.effect
    throw error
  }
}

async function applyRule(
  tx: Tx,
  projectId: number,
  tasks: readonly number[] | 'all',
  change: RuleChange,
): Promise<RuleEffect> {
  const ids =
    change.rule === 'withdraw-runs'
      ? await findTasksOfRuns(tx, projectId, change.runIds)
      : await findTaskIds(tx, projectId, tasks)
  if (change.rule === 'withdraw-runs') await lockContributorsOf(tx, projectId, { runIds: change.runIds })
  await lockTasks(tx, ids)
  let nWithdrawn = 0
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
      ;({ nWithdrawn } = await withdrawRuns(tx, projectId, change.runIds, 'owner'))
      break
  }
  const reconciled = await reconcileTasks(tx, projectId, ids, currentRequestId())
  return { ...reconciled, nTasks: ids.length, nWithdrawn }
}

/** Tasks whose order keys one statement rewrites: short, so that nobody waits for it. */
const REORDER_BATCH = 2_000

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
