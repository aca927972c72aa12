import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { dismissJob, listFailedJobs, lockFailedJob } from '../../platform/outbox-store.ts'
import type { FailedJob } from '../../platform/outbox-store.ts'
import type { Tx } from '../../platform/postgres.ts'
import { mustBeAdmin } from '../users/user-policy.ts'

export type { FailedJob } from '../../platform/outbox-store.ts'

type Admin = { readonly isAdmin: boolean } | undefined

const LISTED_MAX = 200

/** The latest jobs that failed for good and were not dismissed. @throws UnauthenticatedError, ForbiddenError */
export async function listFailures(db: RequestDb, viewer: Admin): Promise<FailedJob[]> {
  mustBeAdmin(viewer)
  return db.readPrimary((primary) => listFailedJobs(primary, LISTED_MAX))
}

/**
 * Lets a failed job begin anew.
 *
 * @throws NotFoundError when it was retried or dismissed before.
 * @throws AppError conflict when what it would do has been asked for again since.
 * @throws UnauthenticatedError or ForbiddenError for others than admins.
 */
export async function retryFailure(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: Admin,
  id: number,
): Promise<FailedJob> {
  return forFailure(db, viewer, id, (tx, failure) => app.queue.revive(tx, failure))
}

/** Takes a failed job off the list. @throws as `retryFailure`, but for the conflict. */
export async function dismissFailure(db: RequestDb, viewer: Admin, id: number): Promise<FailedJob> {
  return forFailure(db, viewer, id, (tx) => dismissJob(tx, id))
}

async function forFailure(
  db: RequestDb,
  viewer: Admin,
  id: number,
  change: (tx: Tx, failure: FailedJob) => Promise<void>,
): Promise<FailedJob> {
  mustBeAdmin(viewer)
  return db.write(async (tx) => {
    const failure = await lockFailedJob(tx, id)
    if (!failure) throw new NotFoundError('failed job', id)
    await change(tx, failure)
    return failure
  })
}
