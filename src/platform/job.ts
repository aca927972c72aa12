import type { z } from 'zod'
import type { App } from './app.ts'
import type { RequestDb } from './database.ts'
import type { Logger } from './log.ts'
import type { Tx } from './postgres.ts'
import type { JobName, JobPayloads } from './queue.ts'

/** What a job's handler has besides the app. */
export interface JobRun {
  /** A handle whose reads show at least what the transaction that made the job wrote. One write transaction each. */
  openDb(): RequestDb
  /**
   * Ends the job together with its effect, in one transaction: either both are there or neither.
   *
   * @throws Error, with nothing written, when another run has taken the job over.
   */
  commit<T>(effect: (tx: Tx) => Promise<T>): Promise<T>
  /**
   * Shows life at once, before something that cannot be undone.
   *
   * @throws Error when another run has taken the job over.
   */
  mustHold(): Promise<void>
  readonly log: Logger
  /** Aborted when the worker stops or another run has taken the job over: end soon, the job runs again. */
  readonly signal: AbortSignal
}

/** A background job: its payload, how often it is tried, and what it does. */
export interface Job<N extends JobName> {
  readonly name: N
  readonly payload: z.ZodType<JobPayloads[N]>
  /** How often it may be begun. A worker that is killed uses up an attempt, one that stops in order does not. */
  readonly attempts: number
  /** Handed to the queue servers before all others: somebody waits for it. */
  readonly isUrgent?: boolean
  /** Runs at once in one worker process. */
  readonly concurrency: number
  /** Seconds before the second attempt; doubles from there, with jitter, up to an hour. */
  readonly backoffSeconds: number
  /** When it runs by itself, with an empty payload: a cron pattern in UTC. */
  readonly schedule?: string
  /** How long after its time a missed slot still makes sense; without it the last one is always caught up. */
  readonly graceSeconds?: number
  /** Has its effect; safe to run twice. A job that does not end by `run.commit` has ended when this returns. */
  handle(app: App, payload: JobPayloads[N], run: JobRun): Promise<void>
  /** What follows when no further attempt is made, in the transaction that notes so. */
  giveUp?(app: App, tx: Tx, payload: JobPayloads[N], error: unknown): Promise<void>
  /**
   * Takes back what `giveUp` noted, in the transaction that lets a failed job begin anew.
   *
   * @throws AppError conflict when it may not.
   */
  readonly revive?: (tx: Tx, payload: JobPayloads[N]) => Promise<void>
}

export type JobCatalogue = { readonly [N in JobName]: Job<N> }

/** A failure that no further attempt will mend. */
export class PermanentError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PermanentError'
  }
}

/** What the job needs is away: it is tried again after these seconds, and this attempt does not count. */
export class PostponeError extends Error {
  readonly seconds: number
  /** Nothing is away, its time has not come: until then it does not count as waiting. */
  readonly isHeld: boolean

  constructor(
    message: string,
    seconds: number,
    { isHeld = false, ...options }: ErrorOptions & { isHeld?: boolean } = {},
  ) {
    super(message, options)
    this.name = 'PostponeError'
    this.seconds = seconds
    this.isHeld = isHeld
  }
}
