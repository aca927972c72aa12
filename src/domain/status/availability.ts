/** What the status page tells of. */
export const COMPONENTS = ['contributing', 'pages', 'exports', 'mail'] as const
export type Component = (typeof COMPONENTS)[number]

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** Of 1,000 minutes one may be bad. */
const BAD_PER_THOUSAND = 1

/** A day whose minutes are still there. */
export interface SeenDay {
  component: Component
  /** As in 2026-01-31, in UTC. */
  day: string
  /** Its first minute that anybody wrote of. */
  first: string
  nSeen: number
  nBad: number
}

/** A day as it is kept. */
export interface ReckonedDay {
  component: Component
  day: string
  nMinutes: number
  nBad: number
}

/** How much of the trouble that is allowed there was in the last so many days. */
export interface Budget {
  readonly days: number
  /** Of the minutes that are known; undefined when none is. */
  readonly goodShare: number | undefined
  readonly minutesBad: number
  readonly minutesAllowed: number
}

/**
 * What a component's days come to, from the first that anything is known of until now, with the minutes of which nobody
 * wrote as bad ones.
 *
 * @param settled ISO time until which everything should have been written.
 */
export function reckonDays(
  component: Component,
  {
    reckoned,
    seen,
    settled,
  }: { reckoned: readonly ReckonedDay[]; seen: readonly SeenDay[]; settled: string },
): ReckonedDay[] {
  const kept = new Map(reckoned.filter((one) => one.component === component).map((one) => [one.day, one]))
  const live = new Map(seen.filter((one) => one.component === component).map((one) => [one.day, one]))
  const [firstDay] = [...kept.keys(), ...live.keys()].toSorted()
  if (firstDay === undefined) return []
  const end = Date.parse(settled)
  const days: ReckonedDay[] = []
  for (let begin = Date.parse(firstDay); begin < end; begin += DAY_MS) {
    const day = new Date(begin).toISOString().slice(0, 10)
    const known = live.get(day)
    // The site is watched from its first minute on.
    const from = day === firstDay && known ? Date.parse(known.first) : begin
    const nMinutes = Math.round((Math.min(begin + DAY_MS, end) - from) / MINUTE_MS)
    const { nSeen, nBad } = known ?? { nSeen: 0, nBad: 0 }
    days.push(kept.get(day) ?? { component, day, nMinutes, nBad: nBad + Math.max(0, nMinutes - nSeen) })
  }
  return days
}

/** What is left of what the last so many days allow. */
export function budgetOf(reckoned: readonly ReckonedDay[], days: number): Budget {
  const last = reckoned.slice(-days)
  const nMinutes = last.reduce((sum, day) => sum + day.nMinutes, 0)
  const minutesBad = last.reduce((sum, day) => sum + day.nBad, 0)
  return {
    days,
    goodShare: nMinutes === 0 ? undefined : 1 - minutesBad / nMinutes,
    minutesBad,
    minutesAllowed: Math.floor((days * 1440 * BAD_PER_THOUSAND) / 1_000),
  }
}
