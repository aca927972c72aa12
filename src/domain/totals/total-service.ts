import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { PROJECT_FIGURES, projectThing } from '../projects/project-service.ts'
import { compareTotals, foldDeltas, lockTotals, rewriteTotals } from './total-repository.ts'
import type { Folded, TotalDifference } from './total-repository.ts'

export type { TotalDifference } from './total-repository.ts'

/** Changes that go into the totals in one statement. */
export const FOLD_BATCH = 20_000

/** Brings the totals of all projects up to date; no changes while another worker does it. */
export async function foldTotals(db: RequestDb): Promise<Folded> {
  return db.call((primary) => foldDeltas(primary, FOLD_BATCH))
}

/** So long, in milliseconds, remembered figures of a project live at least, however many people answer. */
const FIGURES_MS = 15_000

export interface TotalFolder {
  /** Brings the totals up to date, and has values forgotten that were made of them; how many changes that took. */
  fold(): Promise<number>
}

/** @param figuresMs how long remembered figures of a project live at least. */
export function createTotalFolder(
  app: Pick<App, 'database' | 'memory'>,
  figuresMs = FIGURES_MS,
): TotalFolder {
  /** When things were told of last, and those that have changed since, with the last position. */
  const told = new Map<string, number>()
  const moved = new Set<string>()
  let position: string | undefined

  async function tell(): Promise<void> {
    const now = performance.now()
    for (const [thing, time] of told) if (now - time >= figuresMs) told.delete(thing)
    const due = [...moved].filter((thing) => !told.has(thing))
    for (const thing of due) {
      moved.delete(thing)
      told.set(thing, now)
    }
    await app.memory.changed(due, position)
  }

  return {
    async fold() {
      const db = app.database.open({ writes: true })
      const { changes, shortNames } = await foldTotals(db)
      if (shortNames.length > 0) {
        position = await db.position()
        for (const shortName of shortNames) moved.add(projectThing(shortName))
        moved.add(PROJECT_FIGURES)
      }
      await tell()
      return changes
    },
  }
}

/** What of a project's totals disagrees with its rows. */
export async function findTotalDifferences(db: RequestDb, projectId: number): Promise<TotalDifference[]> {
  const seen = await db.read((reader) => compareTotals(reader, projectId))
  return seen.length === 0 ? [] : db.readPrimary((primary) => compareTotals(primary, projectId))
}

/** Counts a project's totals anew, exactly, while the site runs and workers fold. */
export async function recountTotals(tx: Tx, projectId: number): Promise<void> {
  await lockTotals(tx, projectId)
  await rewriteTotals(tx, projectId)
}
