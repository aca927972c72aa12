import { messageOf } from '../lib/errors.ts'
import type { Logger } from './log.ts'

/** Rows are taken in pages of so many. */
const BATCH = 500

/**
 * Removes what a list gives, page by page. One that cannot be removed keeps no other one, and is told of at the end.
 *
 * @param list those after an id, in its order.
 * @returns how many were removed.
 * @throws Error when some could not be, after all others are.
 */
export async function removeListed<Row extends { readonly id: number }>(
  log: Logger,
  what: string,
  list: (afterId: number, limit: number) => Promise<readonly Row[]>,
  remove: (row: Row) => Promise<void>,
): Promise<number> {
  let [removed, failed] = [0, 0]
  for (let afterId = 0; ;) {
    const rows = await list(afterId, BATCH)
    for (const row of rows) {
      try {
        await remove(row)
        removed += 1
      } catch (error) {
        log.warn({ err: error, id: row.id, what }, 'not removed')
        failed += 1
      }
    }
    afterId = rows.at(-1)?.id ?? afterId
    if (rows.length < BATCH) break
  }
  if (failed > 0) throw new Error(`${failed} ${what} could not be removed, ${removed} could`)
  return removed
}

/**
 * Runs the parts of a clean-up one after the other, each whatever became of the others.
 *
 * @returns how much each removed.
 * @throws AggregateError when some failed, after all others have run.
 */
export async function cleanAll(
  log: Logger,
  parts: Readonly<Record<string, () => Promise<number | undefined>>>,
): Promise<Record<string, number | undefined>> {
  const counts: Record<string, number | undefined> = {}
  const errors: unknown[] = []
  for (const [name, clean] of Object.entries(parts)) {
    try {
      counts[name] = await clean()
    } catch (error) {
      log.warn({ err: error, part: name }, 'not cleaned up')
      errors.push(error)
    }
  }
  if (errors.length > 0)
    throw new AggregateError(
      errors,
      `Not everything could be cleaned up: ${errors.map(messageOf).join('; ')}`,
    )
  return counts
}
