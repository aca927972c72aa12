import { Queue as BullQueue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { z } from 'zod'
import { endsWithin } from '../lib/patience.ts'
import type { Database, RequestDb } from './database.ts'
import type { Logger } from './log.ts'
import {
  claimDue,
  deleteEnded,
  deleteOldSlots,
  hasUnfinished,
  insertOutbox,
  isUnfinished,
  lockJob,
  makeDue,
  makeWaitingDue,
  readJobFigures,
  returnClaimed,
  reviveJob,
} from './outbox-store.ts'
import type { DueRow, FailedJob, JobFigures } from './outbox-store.ts'
import type { Db, Tx } from './postgres.ts'
import { currentRequestId } from './request-context.ts'

/** What each job is given. Every file in jobs/ adds its own line, so that src/ names a job without importing one. */
// Filled by declaration merging, hence empty here.
export interface JobPayloads {}
export type JobName = keyof JobPayloads

/** What the sending side knows of each job: a payload is parsed when it is sent and again when it is taken. */
interface JobPolicy<N extends JobName> {
  readonly payload: z.ZodType<JobPayloads[N]>
  readonly isUrgent?: boolean
  readonly revive?: (tx: Tx, payload: JobPayloads[N]) => Promise<void>
}

export type JobPolicies = { readonly [N in JobName]: JobPolicy<N> }

/** What travels through the queue server: the rest is in the outbox row. */
export interface QueuedJob {
  outboxId: number
  /** The WAL position a replica must have replayed before the job reads from it. */
  position?: string
}

export interface EnqueueOptions {
  /** At most one job of this name with this key, for as long as its row is kept. */
  once?: string
  /** ISO time before which the job does not run. */
  notBefore?: string
  /** Not beside a job of this name with the same payload that has not ended. */
  unlessUnfinished?: true
}

export interface Queue {
  /**
   * Makes a job by a row in the same transaction as the change it follows from; nothing else makes a job.
   *
   * @returns the outbox id, or undefined when `once` was taken before, or an equal job has not ended.
   */
  enqueue<N extends JobName>(
    tx: Tx,
    job: N,
    payload: JobPayloads[N],
    options?: EnqueueOptions,
  ): Promise<number | undefined>
  /** Lets a job that is put off begin once the transaction commits; nothing when it has begun. */
  hasten(tx: Tx, job: JobName, once: string): Promise<void>
  /**
   * Lets a job that failed for good begin anew, with all its attempts.
   *
   * @throws AppError conflict when what it would do has been asked for again since.
   */
  revive(tx: Tx, failed: FailedJob): Promise<void>
  /** Whether a job with this payload waits or runs. */
  isUnfinished<N extends JobName>(db: Db, job: N, payload: JobPayloads[N]): Promise<boolean>
  /** Whether so many jobs of a name, or more, wait or run. */
  hasUnfinished(db: Db, job: JobName, count: number): Promise<boolean>
  /** Hands due rows to the queue servers now; returns how many. Errors are logged: the rows wait for the next sweep. */
  relay(): Promise<number>
  /** The same for the loop that does nothing else. @throws when the database or the queue servers are away. */
  sweep(): Promise<number>
  /**
   * Hands out everything that has not ended and is not put off, without waiting for signs of life; how many jobs.
   *
   * @throws when the database or the queue servers are away.
   */
  rebuild(): Promise<number>
  /** Of every job, from the rows: the truth, whatever the queue servers say. */
  figures(): Promise<JobFigures[]>
  /** The queue servers' side of every job, to be looked at. */
  queues(): readonly BullQueue[]
  close(): Promise<void>
}

/** The queue server's id of an outbox row's job (a colon or a plain number is refused): one row is never two jobs. */
function jobIdOf(outboxId: number): string {
  return `outbox-${outboxId}`
}

/** The queue servers' names of all job queues begin with this. */
export function queuePrefix(prefix: string): string {
  return `${prefix}:queue`
}

/** A row without an end and without a sign of life for this long is handed to the queue servers again. */
export const REPEAT_SECONDS = 60
/** Again and again after twice as long, up to this: a backlog costs little while it waits. */
const REPEAT_SECONDS_MAX = 600
const BATCH = 500
const CLOSE_MS = 2_000

interface QueueParts {
  database: Database
  redis: Redis
  prefix: string
  policies: JobPolicies
  log: Logger
}

/**
 * The sending side of the job queues, one BullMQ queue per job, so that mail never waits behind exports.
 *
 * The outbox rows are the truth; the queue servers only distribute. A process that is killed before a row is claimed,
 * between claim and add, or after add loses nothing: the row is handed out again after a minute without a sign of
 * life, and a job that the servers still hold is not added twice because its id is the row's. Servers that have lost
 * everything have lost our mark as well: then all rows are handed out at once.
 */
export function createQueue({ database, redis, prefix, policies, log }: QueueParts): Queue {
  const queues = new Map<string, BullQueue>()
  const claim = {
    limit: BATCH,
    urgent: Object.entries(policies).flatMap(([job, { isUrgent }]) => (isUrgent ? [job] : [])),
    repeatSeconds: REPEAT_SECONDS,
    repeatSecondsMax: REPEAT_SECONDS_MAX,
  }
  const markKey = `${queuePrefix(prefix)}:known`
  let relaying: Promise<number> | undefined
  let pokes = 0
  let isClosed = false

  function queueFor(job: string): BullQueue {
    let queue = queues.get(job)
    if (!queue) {
      queue = new BullQueue(job, {
        connection: redis,
        prefix: queuePrefix(prefix),
        skipWaitingForReady: true,
      })
      queue.on('error', (error) => {
        log.debug({ err: error, job }, 'queue trouble')
      })
      queues.set(job, queue)
    }
    return queue
  }

  /** A queue whose first contact failed stays broken for good: the next attempt makes a new one. */
  function dropQueue(job: string): void {
    const queue = queues.get(job)
    queues.delete(job)
    queue?.close().catch(() => undefined)
  }

  async function addAll(job: string, rows: readonly DueRow[], position: string | undefined): Promise<void> {
    const jobs = rows.map(({ id }) => {
      const data: QueuedJob = { outboxId: id, ...(position === undefined ? {} : { position }) }
      return {
        name: job,
        data,
        opts: {
          jobId: jobIdOf(id),
          // The row counts attempts and says when to stop; the servers only wait in between.
          attempts: 1_000_000,
          backoff: { type: 'custom' },
          stackTraceLimit: 1,
          // Whether a job has ended stands in its row: one that is added again then finds nothing to do.
          removeOnComplete: true,
          removeOnFail: true,
        },
      }
    })
    try {
      await queueFor(job).addBulk(jobs)
    } catch (error) {
      dropQueue(job)
      throw error
    }
  }

  /** Makes all rows due that servers without our mark were given: they have been wiped. */
  async function refill(): Promise<void> {
    if (redis.status !== 'ready') throw new Error('The queue servers are away')
    if ((await redis.set(markKey, '1', 'NX')) === null) return
    try {
      await database.open({ writes: true }).call(makeWaitingDue, { silent: true })
    } catch (error) {
      await redis.del(markKey)
      throw error
    }
  }

  async function relayBatch(): Promise<number> {
    const db = database.open({ writes: true })
    const rows = await db.call((primary) => claimDue(primary, claim))
    if (rows.length === 0) return 0
    const waiting = Map.groupBy(rows, ({ job }) => job)
    try {
      const position = await db.position()
      for (const [job, group] of waiting) {
        await addAll(job, group, position)
        waiting.delete(job)
      }
    } catch (error) {
      const ids = [...waiting.values()].flat().map(({ id }) => id)
      await db.call((primary) => returnClaimed(primary, ids), { silent: true })
      throw error
    }
    return rows.length
  }

  async function relayAll(): Promise<number> {
    await refill()
    let total = 0
    for (;;) {
      const pokesSeen = pokes
      const count = await relayBatch()
      total += count
      if (isClosed || (count < BATCH && pokes === pokesSeen)) return total
    }
  }

  function sweep(): Promise<number> {
    pokes += 1
    relaying ??= relayAll().finally(() => {
      relaying = undefined
    })
    return relaying
  }

  async function relay(): Promise<number> {
    try {
      return await sweep()
    } catch (error) {
      log.warn({ err: error }, 'outbox not relayed: the jobs wait')
      return 0
    }
  }

  /** Hands over what waited for the servers, which would wait for the next sweep as well otherwise. */
  async function relayAfterAbsence(): Promise<void> {
    await relaying?.catch(() => undefined)
    if (!isClosed) await relay()
  }
  const onReady = () => void relayAfterAbsence()
  redis.on('ready', onReady)

  return {
    async enqueue(tx, job, payload, options = {}) {
      if (options.unlessUnfinished) {
        await lockJob(tx, job)
        if (await isUnfinished(tx, job, payload)) return undefined
      }
      const id = await insertOutbox(tx, {
        job,
        payload: policies[job].payload.parse(payload),
        once: options.once ?? null,
        notBefore: options.notBefore ?? null,
        requestId: currentRequestId() ?? null,
      })
      if (id !== undefined) database.afterCommitOf(tx, () => void relay())
      return id
    },
    async hasten(tx, job, once) {
      await makeDue(tx, job, once)
      database.afterCommitOf(tx, () => void relay())
    },
    async revive(tx, { id, job, payload }) {
      const policy = isJobName(job, policies) ? (policies[job] as JobPolicy<JobName>) : undefined
      const parsed = policy?.payload.safeParse(payload)
      // What is not understood any more fails again, and says so.
      if (parsed?.success) await policy?.revive?.(tx, parsed.data)
      await reviveJob(tx, id)
      database.afterCommitOf(tx, () => void relay())
    },
    isUnfinished,
    hasUnfinished,
    relay,
    sweep,
    async rebuild() {
      await database.open({ writes: true }).call(makeWaitingDue)
      return sweep()
    },
    figures: () => database.open({ writes: false }).read((db) => readJobFigures(db, Object.keys(policies))),
    queues: () => Object.keys(policies).map(queueFor),
    async close() {
      isClosed = true
      redis.off('ready', onReady)
      await relaying?.catch(() => undefined)
      // A queue whose server is away never closes by itself.
      await endsWithin(Promise.allSettled([...queues.values()].map((queue) => queue.close())), CLOSE_MS)
    },
  }
}

function isJobName(name: string, policies: JobPolicies): name is JobName {
  return Object.hasOwn(policies, name)
}

/** Days that a job's row is kept after its end: failures longer, since somebody has to look at them. */
export const KEPT_DAYS = { done: 14, failed: 90 }
const SLOT_DAYS = 90
const DELETE_BATCH = 5_000

/** Forgets jobs that ended long ago, and old slots of schedules; how many jobs. */
export async function forgetEndedJobs(openDb: () => RequestDb): Promise<number> {
  await openDb().call((primary) => deleteOldSlots(primary, SLOT_DAYS), { silent: true })
  for (let total = 0; ;) {
    const deleted = await openDb().call((primary) => deleteEnded(primary, KEPT_DAYS, DELETE_BATCH), {
      silent: true,
    })
    total += deleted
    if (deleted < DELETE_BATCH) return total
  }
}
