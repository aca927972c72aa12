import { z } from 'zod'
import { AppError, InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { JobRun } from '../../platform/job.ts'
import {
  countFailedJobs,
  dismissJob,
  dismissJobs,
  listFailedIds,
  listFailedJobs,
  lockFailedJob,
  takeUntoldFailures,
} from '../../platform/outbox-store.ts'
import type { FailedJob } from '../../platform/outbox-store.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { JobName } from '../../platform/queue.ts'
import { tellAdmins } from '../notices/admin-notices.ts'
import { mustBeAdmin } from '../users/user-policy.ts'

export type { FailedJob } from '../../platform/outbox-store.ts'

/** As pages say it: what else is a time to JavaScript need not be one to PostgreSQL. */
const ShownTime = z.iso.datetime()

type Admin = { readonly isAdmin: boolean } | undefined

const LISTED_MAX = 200

/** The jobs that failed for good and were not dismissed. */
export interface Failures {
  readonly latest: readonly FailedJob[]
  /** All of them, by job, with the time of the latest. */
  readonly counts: readonly { readonly job: string; readonly count: number; readonly latest: string }[]
}

/** @throws UnauthenticatedError or ForbiddenError for others than admins. */
export async function listFailures(db: RequestDb, viewer: Admin): Promise<Failures> {
  mustBeAdmin(viewer)
  const [latest, counts] = await Promise.all([
    db.readPrimary((primary) => listFailedJobs(primary, LISTED_MAX)),
    db.readPrimary(countFailedJobs),
  ])
  return { latest, counts }
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

/** Has all failures of one job begin anew, by a job of its own: there may be very many. @throws as `listFailures`. */
export async function retryFailures(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: Admin,
  job: string,
): Promise<void> {
  mustBeAdmin(viewer)
  await db.write((tx) => app.queue.enqueue(tx, 'retry-failures', { job }, { unlessUnfinished: true }))
}

const RETRY_BATCH = 500

/** Lets all failures of one job begin anew, but those that were asked for again since; how many. */
export async function reviveFailures(
  app: Pick<App, 'queue'>,
  { openDb, signal }: Pick<JobRun, 'openDb' | 'signal'>,
  job: string,
): Promise<number> {
  let revived = 0
  for (let ids = [0]; ids.length > 0;) {
    const afterId = ids.at(-1) ?? 0
    ids = await openDb().readPrimary((primary) =>
      listFailedIds(primary, job, { afterId, limit: RETRY_BATCH }),
    )
    for (const id of ids) {
      signal.throwIfAborted()
      if (await reviveOne(app, openDb(), id)) revived += 1
    }
  }
  return revived
}

/** Whether it began anew; each by itself, so that one that may not keeps no other. */
async function reviveOne(app: Pick<App, 'queue'>, db: RequestDb, id: number): Promise<boolean> {
  try {
    return await db.write(async (tx) => {
      const failure = await lockFailedJob(tx, id)
      if (failure) await app.queue.revive(tx, failure)
      return failure !== undefined
    })
  } catch (error) {
    if (error instanceof AppError && error.kind === 'conflict') return false
    throw error
  }
}

/**
 * Takes the failures of one job off the list that were there when it was looked at; how many.
 *
 * @param until the ISO time of the latest that was shown.
 * @throws InvalidError without a time, and as `listFailures`.
 */
export async function dismissFailures(
  db: RequestDb,
  viewer: Admin,
  { job, until }: { job: string; until: string },
): Promise<number> {
  mustBeAdmin(viewer)
  if (!ShownTime.safeParse(until).success) throw new InvalidError('Say until when: load the page again.')
  return db.write((tx) => dismissJobs(tx, job, until))
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

/**
 * These stand on the admins' pages alone: a mail about mails that cannot leave would be one more of them, and what an
 * owner's webhook or bucket does not take is told to that owner.
 */
const NOT_TOLD: JobName[] = ['send-mail', 'send-bulk-mail', 'deliver-webhook', 'deliver-export']
/** As PyBossa does, admins are told again of what they leave. */
const REMIND_DAYS = 7

/** Tells admins of the jobs that failed since they were told last: one mail, however many those are. How many. */
export async function tellFailures(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  db: RequestDb,
): Promise<number> {
  return db.write(async (tx) => {
    const jobs = await takeUntoldFailures(tx, { except: NOT_TOLD, days: REMIND_DAYS })
    const total = jobs.reduce((sum, { count }) => sum + count, 0)
    if (total === 0) return 0
    await tellAdmins(app, tx, {
      subject: `${app.config.site.name}: ${total} ${total === 1 ? 'job' : 'jobs'} failed`,
      template: 'jobs-failed',
      view: { total, jobs, url: `${app.config.site.url}/admin/jobs` },
    })
    return total
  })
}
