import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../../platform/app.ts'
import type { JobRun } from '../../platform/job.ts'

/** More than the workers send in a few seconds, and few enough to be nobody's burden while they wait. */
const WAITING_MAX = 1_000
const LOOK_MS = 1_000

/** Whoever writes to very many waits here before each chunk, until most of what was written before has left. */
export async function untilBulkRoom(
  { queue }: Pick<App, 'queue'>,
  { openDb, signal }: Pick<JobRun, 'openDb' | 'signal'>,
  waitingMax = WAITING_MAX,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const isFull = await openDb().readPrimary((db) => queue.hasUnfinished(db, 'send-bulk-mail', waitingMax))
    if (!isFull) return
    await sleep(LOOK_MS, undefined, { signal })
  }
}
