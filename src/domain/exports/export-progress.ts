import type { RequestDb } from '../../platform/database.ts'
import type { Logger } from '../../platform/log.ts'
import { markProgress } from './export-repository.ts'

const PROGRESS_MS = 1_000

/** How far an export is: rows looked at or written, as a share of all that will be. */
export interface ExportProgress {
  /** Hears of rows that were counted. */
  readonly count: (nRows: number) => Promise<void>
  /** Hears that all rows are counted, and how often each is looked at or written. */
  readonly begin: (passes: number) => void
  /** Hears of rows that one pass is through with. */
  readonly add: (nRows: number) => Promise<void>
}

interface ProgressParts {
  readonly openDb: () => RequestDb
  readonly log: Pick<Logger, 'warn'>
  readonly signal: AbortSignal
}

/** Tells the database at most once a second, and never in the way: an export does not fail because nobody can watch it. */
export function createProgress({ openDb, log, signal }: ProgressParts, exportId: number): ExportProgress {
  let [nRows, passes, done, told] = [0, 1, 0, -Infinity]
  let isTelling = false

  async function tell(): Promise<void> {
    told = Date.now()
    isTelling = true
    const nRowsDone = Math.min(nRows, Math.floor(done / passes))
    try {
      await openDb().call((primary) => markProgress(primary, exportId, { nRows, nRowsDone }), {
        silent: true,
      })
    } catch (error) {
      log.warn({ err: error, exportId }, 'progress of an export not noted')
    } finally {
      isTelling = false
    }
  }

  function note(): void {
    signal.throwIfAborted()
    if (!isTelling && Date.now() - told >= PROGRESS_MS) void tell()
  }

  return {
    async count(counted) {
      nRows += counted
      note()
    },
    begin(times) {
      passes = times
      // The first rows that one is through with are told at once, together with how many there are.
      told = -Infinity
    },
    async add(count) {
      done += count
      note()
    },
  }
}
