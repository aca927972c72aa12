import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { SiteFigure } from '../../platform/metrics.ts'
import { COMPONENTS, budgetOf, reckonDays } from './availability.ts'
import type { Budget, Component } from './availability.ts'
import { listIncidents } from './incident-repository.ts'
import type { Incident } from './incident-repository.ts'
import {
  listLatest,
  listReckonedDays,
  listSeenDays,
  replaceMinutes,
  sinceTaskRun,
} from './minute-repository.ts'

export type { Component } from './availability.ts'
export { createMinuteBook, writeLastMinutes } from './minute-book.ts'

/** Days whose budget is told, and that are kept. */
const WINDOWS = [30, 90] as const
const SHOWN_DAYS = 90
/** How a component is, is told from so many minutes. */
const LATEST_MINUTES = 5
const INCIDENT_DAYS = 90
/** A day of incidents and more is enough to tell of. */
const INCIDENTS_MAX = 20

/** A mail or an export that has waited longer is trouble, in seconds. */
const PATIENCE = { 'send-mail': 300, 'export-project': 1_800 } as const

export type ComponentState = 'up' | 'troubled' | 'down' | 'unknown'

export interface ComponentStatus {
  readonly name: Component
  readonly state: ComponentState
  readonly budgets: readonly Budget[]
  /** The last ninety days, as far as they are known. */
  readonly days: readonly { readonly day: string; readonly minutesBad: number }[]
}

export interface SiteStatus {
  /** The worst of its components. */
  readonly state: ComponentState
  readonly components: readonly ComponentStatus[]
  /** Latest first. */
  readonly incidents: readonly Incident[]
  /** When it was made. */
  readonly asOf: string
}

/** How the site is and was. From a replica while the primary is away. */
export async function getStatus(db: RequestDb): Promise<SiteStatus> {
  const [seen, reckoned, latest, incidents] = await Promise.all([
    db.read(listSeenDays),
    db.read((reader) => listReckonedDays(reader, SHOWN_DAYS)),
    db.read((reader) => listLatest(reader, LATEST_MINUTES)),
    db.read((reader) => listIncidents(reader, { days: INCIDENT_DAYS, limit: INCIDENTS_MAX })),
  ])
  const components = COMPONENTS.map((name) => {
    const days = reckonDays(name, { reckoned, seen, settled: settled() })
    const now = latest.find(({ component }) => component === name)
    return {
      name,
      state: name === 'contributing' && db.isReadOnly() ? 'down' : stateOf(now, days.length > 0),
      budgets: WINDOWS.map((window) => budgetOf(days, window)),
      days: days.slice(-SHOWN_DAYS).map(({ day, nBad }) => ({ day, minutesBad: nBad })),
    }
  })
  const asOf = new Date().toISOString()
  return { state: worst(components.map(({ state }) => state)), components, incidents, asOf }
}

/** What is known of the site when its database tells nothing. */
export function unknownStatus(): SiteStatus {
  const components = COMPONENTS.map((name) => ({
    name,
    state: name === 'contributing' ? ('down' as const) : ('unknown' as const),
    budgets: [],
    days: [],
  }))
  return { state: 'down', components, incidents: [], asOf: new Date().toISOString() }
}

function stateOf(latest: { nSeen: number; nBad: number } | undefined, isWatched: boolean): ComponentState {
  if (!latest) return isWatched ? 'down' : 'unknown'
  if (latest.nBad === 0) return 'up'
  return latest.nBad === latest.nSeen ? 'down' : 'troubled'
}

const WORST_FIRST: readonly ComponentState[] = ['down', 'troubled', 'unknown', 'up']

function worst(states: readonly ComponentState[]): ComponentState {
  return WORST_FIRST.find((state) => states.includes(state)) ?? 'unknown'
}

/** Until when every process has written what it saw: the minute before the last is over. */
function settled(): string {
  return new Date(Math.floor(Date.now() / 60_000 - 1) * 60_000).toISOString()
}

/** Puts the days before yesterday in one row each; how many. Run twice, it finds nothing more. */
export async function foldStatusMinutes(openDb: () => RequestDb): Promise<number> {
  return openDb().write(async (tx) => {
    const [seen, reckoned] = [await listSeenDays(tx), await listReckonedDays(tx, SHOWN_DAYS)]
    const until = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10)
    const known = new Set(seen.map(({ component, day }) => `${component} ${day}`))
    const over = COMPONENTS.flatMap((component) =>
      reckonDays(component, { reckoned, seen, settled: settled() }),
    ).filter(({ component, day }) => day < until && known.has(`${component} ${day}`))
    await replaceMinutes(tx, over, SHOWN_DAYS)
    return over.length
  })
}

/** Whether exports and mails get out in time, by what waits. */
export async function workState(
  queue: Pick<App['queue'], 'figures'>,
): Promise<Record<'exports' | 'mail', boolean>> {
  const waiting = new Map(
    (await queue.figures()).map(({ job, oldestWaitingSeconds }) => [job, oldestWaitingSeconds]),
  )
  const isInTime = (job: keyof typeof PATIENCE) => (waiting.get(job) ?? 0) <= PATIENCE[job]
  return { exports: isInTime('export-project'), mail: isInTime('send-mail') }
}

/** What Prometheus is told of what people do. */
export const siteFigures: readonly SiteFigure[] = [
  {
    name: 'manyhands_task_run_age_seconds',
    help: 'For how long no answer has come.',
    read: sinceTaskRun,
  },
]
