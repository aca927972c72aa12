import { setTimeout as sleep } from 'node:timers/promises'
import { Queue as BullQueue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { z } from 'zod'
import type { Database, RequestDb } from './database.ts'
import type { Logger } from './log.ts'
import { claimDue, deleteEnded, insertOutbox, releaseClaimed } from './outbox-store.ts'
import type { OutboxRow } from './outbox-store.ts'
import type { Tx } from './postgres.ts'
import { currentRequestId } from './request-context.ts'

/** What each job is given. Every file in jobs/ adds its own line, so that src/ names a job without importing one. */
// Filled by declaration merging, hence empty here.
export interface JobPayloads {}
export type JobName = keyof JobPayloads

/** What the sending side knows of each job: a payload is parsed when it is sent and again when it is taken. */
export type JobPolicies = {
  readonly [N in JobName]: { readonly payload: z.ZodType<JobPayloads[N]>; readonly attempts: number }
}

/** What travels through the queue server: the rest is in the outbox row. */
export interface QueuedJob {
  outboxId: number
  /** The WAL position a replica must have replayed before the job reads from it. */
  position?: string
}

export interface EnqueueOptions {
  /** At most one job of this name with this key, ever. */
  once?: string
  /** ISO time before which the job does not run. */
  notBefore?: string
}

export interface Queue {
  /**
   * Makes a job by a row in the same transaction as the change it follows from; nothing else makes a job.
   *
   * @returns the outbox id, or undefined when `once` was taken before.
   */
  enqueue<N extends JobName>(
    tx: Tx,
    job: N,
    payload: JobPayloads[N],
    options?: EnqueueOptions,
  ): Promise<number | undefined>
  /** Hands due rows to the queue servers now; returns how many. Errors are logged: the rows wait for the next sweep. */
  relay(): Promise<number>
  close(): Promise<void>
}

/** The queue server's id of an outbox row's job: the same row is never two jobs. */
export function jobIdOf(outboxId: number): string {
  return `outbox-${outboxId}`
}

/** Rows that have not ended this long after they were enqueued are enqueued again. */
const REPEAT_SECONDS = 60
const BATCH = 100

interface QueueParts {
  database: Database
  redis: Redis
  prefix: string
  policies: JobPolicies
  log: Logger
}

/** The sending side of the job queues, one BullMQ queue per job, so that mail never waits behind exports. */
export function createQueue({ database, redis, prefix, policies, log }: QueueParts): Queue {
  const queues = new Map<string, BullQueue>()
  let relaying: Promise<number> | undefined
  let again = false
  let closed = false

  function queueFor(job: string): BullQueue {
    let queue = queues.get(job)
    if (!queue) {
      queue = new BullQueue(job, { connection: redis, prefix: `${prefix}:queue`, skipWaitingForReady: true })
      queue.on('error', (error) => {
        log.warn({ err: error, job }, 'queue trouble')
      })
      queues.set(job, queue)
    }
    return queue
  }

  async function add(row: OutboxRow, position: string | undefined): Promise<void> {
    const data: QueuedJob = { outboxId: row.id, ...(position === undefined ? {} : { position }) }
    await queueFor(row.job).add(row.job, data, {
      jobId: jobIdOf(row.id),
      attempts: policies[row.job as JobName].attempts,
      backoff: { type: 'custom' },
      // What ended is remembered for a day by id, so that a repeated add is nothing.
      removeOnComplete: { age: 86_400 },
      removeOnFail: true,
    })
  }

  async function relayBatch(): Promise<number> {
    const db = database.open({ writes: true })
    const rows = await db.call((primary) => claimDue(primary, BATCH, REPEAT_SECONDS))
    if (rows.length === 0) return 0
    const position = await db.position()
    const failed: number[] = []
    for (const row of rows) {
      try {
        await add(row, position)
      } catch (error) {
        log.warn({ err: error, job: row.job, outboxId: row.id }, 'queue away: the job waits in the outbox')
        failed.push(row.id)
      }
    }
    if (failed.length > 0) await db.call((primary) => releaseClaimed(primary, failed), { silent: true })
    return rows.length - failed.length
  }

  async function relayAll(): Promise<number> {
    let total = 0
    do {
      again = false
      const count = await relayBatch()
      total += count
      if (count === BATCH) again = true
    } while (again && !closed)
    return total
  }

  function relay(): Promise<number> {
    if (relaying) {
      again = true
      return relaying
    }
    relaying = relayAll()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'outbox not relayed')
        return 0
      })
      .finally(() => {
        relaying = undefined
      })
    return relaying
  }

  return {
    async enqueue(tx, job, payload, options = {}) {
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
    relay,
    async close() {
      closed = true
      await relaying
      // A queue whose server is away never closes by itself.
      await Promise.race([Promise.all([...queues.values()].map((queue) => queue.close())), sleep(2_000)])
    },
  }
}

/** Forgets jobs that ended two weeks ago; how many. */
export async function forgetEndedJobs(db: RequestDb): Promise<number> {
  return db.write((tx) => deleteEnded(tx, 14))
}
