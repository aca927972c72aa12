import type { App } from '../../platform/app.ts'
import type { JobRun } from '../../platform/job.ts'
import type { Tx } from '../../platform/postgres.ts'
import { untilBulkRoom } from '../mails/bulk-room.ts'

/**
 * What the site tells many people by itself. Each goes through its readers in chunks, a transaction each, and gives each
 * mail a key: begun again after a crash, it mails who is left.
 */

export type NoticeApp = Pick<App, 'queue' | 'config' | 'sealer'>
export type Run = Pick<JobRun, 'openDb' | 'signal'>

export const CHUNK = 100

/** Calls `mail` for one chunk of readers after the other; it gives the last reader's id, or undefined at the end. */
export async function inChunks(
  app: Pick<App, 'queue'>,
  run: Run,
  mail: (tx: Tx, afterId: number) => Promise<number | undefined>,
): Promise<void> {
  for (let afterId: number | undefined = 0; afterId !== undefined;) {
    await untilBulkRoom(app, run)
    const after: number = afterId
    afterId = await run.openDb().write((tx) => mail(tx, after))
  }
}
