import type { RequestDb } from '../../platform/database.ts'
import { writeLast } from '../../platform/last-write.ts'
import type { Logger } from '../../platform/log.ts'
import type { Component } from './availability.ts'
import { addMinutes } from './minute-repository.ts'
import type { SeenMinute } from './minute-repository.ts'

const MINUTE_MS = 60_000
/** While the database is away so many minutes wait to be written; then the oldest are given up. */
const WAITING_MAX = 24 * 60

/** Where a process counts what it sees of the components, minute by minute, until it is written. */
export interface MinuteBook {
  note(component: Component, isGood: boolean): void
  /** Writes the minutes that are over; the others too when the process ends. What could not be written waits. */
  write(openDb: () => RequestDb, isEnd?: boolean): Promise<void>
}

/** Writes what a process that ends has seen, if that does not take long. */
export async function writeLastMinutes(
  minutes: MinuteBook,
  openDb: () => RequestDb,
  log: Pick<Logger, 'warn'>,
  withinMs?: number,
): Promise<void> {
  await writeLast('minutes', () => minutes.write(openDb, true), log, withinMs)
}

/**
 * @param components those that this process is for: it tells of each minute in which it ran, whether or not anything
 * came of it.
 */
export function createMinuteBook(components: readonly Component[], now: () => number = Date.now): MinuteBook {
  const minutes = new Map<number, Map<Component, { nGood: number; nBad: number }>>()

  function current() {
    const minute = Math.floor(now() / MINUTE_MS)
    let counts = minutes.get(minute)
    if (!counts) {
      counts = new Map(components.map((component) => [component, { nGood: 0, nBad: 0 }]))
      minutes.set(minute, counts)
      const [oldest] = minutes.keys()
      if (minutes.size > WAITING_MAX && oldest !== undefined) minutes.delete(oldest)
    }
    return { minute, counts }
  }

  current()
  return {
    note(component, isGood) {
      const count = current().counts.get(component)
      if (!count) return
      if (isGood) count.nGood += 1
      else count.nBad += 1
    },
    async write(openDb, isEnd = false) {
      const { minute: unfinished } = current()
      const over = [...minutes].filter(([minute]) => isEnd || minute < unfinished)
      if (over.length === 0) return
      const rows = over.flatMap(([minute, counts]) =>
        [...counts].map(([component, count]): SeenMinute => ({
          minute: new Date(minute * MINUTE_MS).toISOString(),
          component,
          ...count,
        })),
      )
      await openDb().call((primary) => addMinutes(primary, rows), { silent: true })
      for (const [minute] of over) minutes.delete(minute)
    },
  }
}
