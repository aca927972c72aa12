import { randomUUID } from 'node:crypto'
import { UnrecoverableError } from 'bullmq'
import { messageOf } from '../lib/errors.ts'
import type { App } from './app.ts'
import type { RequestDb } from './database.ts'
import { PermanentError, PostponeError } from './job.ts'
import type { Job } from './job.ts'
import type { Logger } from './log.ts'
import { giveRowBack, keepRow, markDone, markFailed, takeRow } from './outbox-store.ts'
import type { Hold, RunRow } from './outbox-store.ts'
import type { Tx } from './postgres.ts'
import { REPEAT_SECONDS } from './queue.ts'
import type { JobName, QueuedJob } from './queue.ts'
import { runInContext } from './request-context.ts'

/** Tells the queue servers to wait before they hand the job out again. */
export class RetryLater extends Error {
  readonly seconds: number

  constructor(message: string, seconds: number) {
    super(message)
    this.name = 'RetryLater'
    this.seconds = seconds
  }
}

/**
 * A run keeps its row for this long without a sign of life: less than the queue servers' patience, so that a job of a
 * killed worker is free when it is offered again.
 */
const HELD_SECONDS = 12
const SIGN_OF_LIFE_MS = 4_000
const BACKOFF_SECONDS_MAX = 3_600
/** Before the end of a job is noted again that could not be noted. */
const GIVE_UP_AGAIN_SECONDS = 60

/**
 * Runs one job that the queue servers handed out, if its outbox row has neither ended nor is held by another run.
 * Whatever the servers believe, a row is run by one worker at a time, and its end is noted once.
 *
 * @throws RetryLater when the job is to be offered again, UnrecoverableError when it failed for good.
 */
export async function attemptJob(
  app: App,
  job: Job<JobName>,
  { outboxId, position }: QueuedJob,
  stopping: AbortSignal,
): Promise<void> {
  const hold: Hold = { holder: randomUUID(), heldSeconds: HELD_SECONDS, repeatSeconds: REPEAT_SECONDS }
  const openDb = () => app.database.open({ writes: true, position })
  const row = await openDb().call((primary) => takeRow(primary, outboxId, hold), { silent: true })
  if (!row) return
  await runInContext({ requestId: row.requestId ?? `job-${outboxId}` }, async () => {
    const log = app.log.child({ job: job.name, outboxId, attempt: row.attempts })
    const lost = new AbortController()
    const attempt: Attempt = { app, job, outboxId, row, hold, openDb, log, stopping, lost, hasEnded: false }
    const signsOfLife = setInterval(() => void showLife(attempt), SIGN_OF_LIFE_MS)
    try {
      await handle(attempt)
    } catch (error) {
      await noteFailure(attempt, error)
    } finally {
      clearInterval(signsOfLife)
    }
  })
}

/** One run of one job, from the moment it holds its row. */
interface Attempt {
  readonly app: App
  readonly job: Job<JobName>
  readonly outboxId: number
  readonly row: RunRow
  readonly hold: Hold
  readonly openDb: () => RequestDb
  readonly log: Logger
  /** The worker is asked to stop. */
  readonly stopping: AbortSignal
  /** Another run has the row. */
  readonly lost: AbortController
  /** The end has been noted. */
  hasEnded: boolean
}

async function handle(attempt: Attempt): Promise<void> {
  const { app, job, row, openDb, log, stopping, lost } = attempt
  if (row.attempts > job.attempts) {
    throw new PermanentError(`Its worker ended ${job.attempts} times in the middle of it`)
  }
  await job.handle(app, payloadOf(attempt), {
    openDb,
    commit: (effect) => commit(attempt, effect),
    mustHold: () => mustHold(attempt),
    log,
    signal: AbortSignal.any([stopping, lost.signal]),
  })
  if (!attempt.hasEnded) await commit(attempt, () => Promise.resolve())
}

function payloadOf({ job, row }: Attempt) {
  const parsed = job.payload.safeParse(row.payload)
  if (!parsed.success) throw new PermanentError(`Its payload is not understood: ${parsed.error.message}`)
  return parsed.data
}

async function commit<T>(attempt: Attempt, effect: (tx: Tx) => Promise<T>): Promise<T> {
  const { openDb, outboxId, hold } = attempt
  const value = await openDb().write(async (tx) => {
    if (!(await markDone(tx, outboxId, hold.holder))) throw takenOver()
    return effect(tx)
  })
  attempt.hasEnded = true
  return value
}

function takenOver(): Error {
  return new Error('Another run has taken this job over')
}

async function mustHold(attempt: Attempt): Promise<void> {
  const { openDb, outboxId, hold, lost } = attempt
  const isOurs = await openDb().call((primary) => keepRow(primary, outboxId, hold), { silent: true })
  if (isOurs || attempt.hasEnded) return
  lost.abort(takenOver())
  throw takenOver()
}

async function showLife(attempt: Attempt): Promise<void> {
  try {
    await mustHold(attempt)
  } catch (error) {
    attempt.log.warn({ err: error }, 'no sign of life given')
  }
}

async function noteFailure(attempt: Attempt, error: unknown): Promise<void> {
  const { log, lost, stopping, row, job } = attempt
  if (attempt.hasEnded) {
    log.warn({ err: error }, 'job done, but not all was tidied up after it')
  } else if (lost.signal.aborted) {
    log.warn({ err: error }, 'job left to another run')
  } else if (stopping.aborted) {
    await tryAgain(attempt, error, { seconds: 0, countsAttempt: false })
  } else if (error instanceof PostponeError) {
    await tryAgain(attempt, error, { seconds: error.seconds, countsAttempt: false, isHeld: error.isHeld })
  } else if (error instanceof PermanentError || row.attempts >= job.attempts) {
    await giveUp(attempt, error)
  } else {
    const seconds = Math.min(job.backoffSeconds * 2 ** (row.attempts - 1), BACKOFF_SECONDS_MAX)
    await tryAgain(attempt, error, { seconds: seconds * (0.75 + Math.random() / 2), countsAttempt: true })
  }
}

async function tryAgain(
  { openDb, outboxId, hold, log }: Attempt,
  error: unknown,
  { seconds, countsAttempt, isHeld = false }: { seconds: number; countsAttempt: boolean; isHeld?: boolean },
): Promise<never> {
  log.warn({ err: error, seconds, countsAttempt }, 'job will be tried again')
  const run = {
    holder: hold.holder,
    error: messageOf(error),
    repeatSeconds: seconds + REPEAT_SECONDS,
    countsAttempt,
    isHeld,
  }
  await openDb().call((primary) => giveRowBack(primary, outboxId, run), { silent: true })
  throw new RetryLater(messageOf(error), seconds)
}

async function giveUp(attempt: Attempt, error: unknown): Promise<never> {
  const { app, job, outboxId, hold, openDb, log } = attempt
  log.error({ err: error }, 'job failed for good')
  const message = messageOf(error)
  const payload = job.payload.safeParse(attempt.row.payload)
  try {
    await openDb().write(async (tx) => {
      if (!(await markFailed(tx, outboxId, hold.holder, message))) return
      if (payload.success) await job.giveUp?.(app, tx, payload.data, error)
    })
  } catch (failure) {
    // Whoever waits for the job's end must hear of it: the row stays open until that works.
    return tryAgain(attempt, failure, { seconds: GIVE_UP_AGAIN_SECONDS, countsAttempt: true })
  }
  throw new UnrecoverableError(message)
}
