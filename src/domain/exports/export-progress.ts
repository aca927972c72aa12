import type { RequestDb } from '../../platform/database.ts'
import { markProgress } from './export-repository.ts'

const PROGRESS_MS = 1_000

/** How far an export is: rows looked at or written, as a share of all that will be. */
export interface ExportProgress {
  /** Hears how many rows there are, and how often each is looked at or written. */
  begin(nRows: number, passes: number): Promise<void>
  /** Hears of rows that one pass is through with. */
  readonly add: (nRows: number) => Promise<void>
}

/** Tells the database at most once a second. */
export function createProgress(openDb: () => RequestDb, exportId: number): ExportProgress {
  let [all, total, done, told] = [0, 1, 0, 0]

  async function tell(): Promise<void> {
    told = Date.now()
    const nRowsDone = Math.min(all, Math.floor((all * done) / total))
    await openDb().call((primary) => markProgress(primary, exportId, { nRows: all, nRowsDone }), {
      silent: true,
    })
  }

  return {
    async begin(nRows, passes) {
      ;[all, total] = [nRows, Math.max(1, nRows * passes)]
      await tell()
    },
    async add(count) {
      done += count
      if (Date.now() - told >= PROGRESS_MS) await tell()
    },
  }
}
