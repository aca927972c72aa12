import { AppError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { findBucket } from './bucket-repository.ts'
import { insertExport } from './export-repository.ts'
import { DELTA_DAYS, offeredKind } from './export-service.ts'
import {
  countSubscriptions,
  deleteSubscription,
  insertSubscription,
  listDueSubscriptions,
  listSubscriptions,
  takeDueSubscription,
} from './subscription-repository.ts'
import type { NewSubscription, Subscription } from './subscription-repository.ts'

export { PERIODS } from './subscription-repository.ts'
export type { Subscription } from './subscription-repository.ts'

const SUBSCRIPTIONS_MAX = 20
/** Of the tables that have a key of their own. */
const WITH_DELTAS: ReadonlySet<string> = new Set(['task', 'task_run', 'result'])

export async function subscribe(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  wanted: Omit<NewSubscription, 'projectId' | 'userId'>,
): Promise<void> {
  const { id: userId } = mustEdit(viewer, project)
  const { what, format } = await offeredKind(db, project, wanted)
  if (wanted.isDelta && !WITH_DELTAS.has(what))
    throw new AppError(
      'invalid',
      'Only tables of tasks, answers and results can be had as what is new. Choose one of them.',
    )
  await db.write(async (tx) => {
    if ((await countSubscriptions(tx, project.id)) >= SUBSCRIPTIONS_MAX)
      throw new AppError('conflict', `A project has at most ${SUBSCRIPTIONS_MAX} of these. End one first.`)
    if (wanted.toBucket && !(await findBucket(tx, project.id)))
      throw new AppError('conflict', 'This project has no bucket. Enter one first.')
    await insertSubscription(tx, { ...wanted, what, format, projectId: project.id, userId })
  })
}

export async function listProjectSubscriptions(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
): Promise<Subscription[]> {
  mustEdit(viewer, project)
  return db.read((reader) => listSubscriptions(reader, project.id))
}

/** @throws NotFoundError also for one of another project. */
export async function unsubscribe(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  id: number,
): Promise<void> {
  mustEdit(viewer, project)
  await db.write(async (tx) => {
    if (!(await deleteSubscription(tx, project.id, id))) throw new NotFoundError('subscription', id)
  })
}

const DUE_BATCH = 200

/**
 * Asks for the exports of subscriptions that are due, each once; how many. One whose last export is still being made
 * waits for its next time.
 */
export async function askForDueExports(app: Pick<App, 'queue'>, openDb: () => RequestDb): Promise<number> {
  for (let total = 0; ;) {
    const due = await openDb().readPrimary((primary) => listDueSubscriptions(primary, DUE_BATCH))
    for (const id of due) {
      await openDb().write(async (tx) => {
        const taken = await takeDueSubscription(tx, id, DELTA_DAYS)
        if (!taken) return
        const { projectId, userId, what, format, since } = taken
        const wanted = { projectId, userId, what, format, since, subscriptionId: id }
        const made = await insertExport(tx, { ...wanted, origin: 'subscription' })
        if (made) await app.queue.enqueue(tx, 'export-project', { exportId: made.id })
      })
    }
    total += due.length
    if (due.length < DUE_BATCH) return total
  }
}
