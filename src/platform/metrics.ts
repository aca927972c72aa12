import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { App } from './app.ts'
import type { JobCatalogue } from './job.ts'
import { lastSlots, oldestUnsent } from './outbox-store.ts'
import type { Db } from './postgres.ts'
import { runningRelease } from './release.ts'
import { slotsOf } from './schedule.ts'

type Measured = Pick<App, 'database' | 'memory' | 'queue' | 'log'>

/** A figure of the site that the database knows. */
export interface SiteFigure {
  readonly name: string
  readonly help: string
  /** Undefined leaves it out. */
  read(db: Db): Promise<number | undefined>
}

export interface MetricsOptions {
  /** What else is to be asked of the database each time. */
  readonly figures?: readonly SiteFigure[]
  /** The jobs whose schedules are watched. */
  readonly catalogue?: Partial<JobCatalogue>
}

/** What a process tells Prometheus of itself and of the site. */
export interface Metrics {
  /** For further figures. */
  readonly registry: Registry
  readonly contentType: string
  /** Everything as of now. What the database should have told is left out while it is away. */
  text(): Promise<string>
}

export function createMetrics(app: Measured, { figures = [], catalogue = {} }: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  tellRelease(registry)
  measureCache(app, registry)
  measurePools(app, registry)
  measureReads(app, registry)
  const readAnew = [
    measureJobs(app, registry),
    measureLag(app, registry),
    measureSchedules(app, registry, catalogue),
    ...[OUTBOX, ...figures].map((figure) => measureFigure(app, registry, figure)),
  ]
  return {
    registry,
    contentType: registry.contentType,
    async text() {
      await Promise.all(readAnew.map((read) => read()))
      return registry.metrics()
    },
  }
}

const OUTBOX: SiteFigure = {
  name: 'manyhands_outbox_age_seconds',
  help: 'For how long the oldest job is due that was not handed to the queue servers yet; 0 when none is.',
  read: oldestUnsent,
}

/** Beside `process_start_time_seconds` it says what a deploy changed, and when. */
function tellRelease(registry: Registry): void {
  new Gauge({
    name: 'manyhands_build_info',
    help: 'The release that the process runs; always 1.',
    labelNames: ['release'],
    registers: [registry],
  }).set({ release: runningRelease() ?? 'checkout' }, 1)
}

function measureCache({ memory }: Measured, registry: Registry): void {
  const counter = new Counter({
    name: 'manyhands_cache_lookups_total',
    help: 'Lookups of remembered values by kind and outcome: fresh and stale ones were there, made and waited ones not.',
    labelNames: ['kind', 'outcome'],
    registers: [registry],
    collect() {
      counter.reset()
      for (const [kind, counts] of memory.lookups)
        for (const [outcome, count] of Object.entries(counts)) counter.inc({ kind, outcome }, count)
    },
  })
}

function measurePools({ database }: Measured, registry: Registry): void {
  const gauge = new Gauge({
    name: 'manyhands_database_connections',
    help: 'Connections of each pool: all, those that nobody uses, and requests that wait for one.',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect() {
      for (const [pool, { totalCount, idleCount, waitingCount }] of Object.entries(database.pools)) {
        gauge.set({ pool, state: 'all' }, totalCount)
        gauge.set({ pool, state: 'idle' }, idleCount)
        gauge.set({ pool, state: 'waiting' }, waitingCount)
      }
    },
  })
}

/** Where reads went, and whether the primary was there when it was last asked. */
function measureReads({ database: { health } }: Measured, registry: Registry): void {
  const reads = new Counter({
    name: 'manyhands_database_reads_total',
    help: 'Reads by the server that answered, and why the primary where it was that.',
    labelNames: ['route'],
    registers: [registry],
    collect() {
      reads.reset()
      for (const [route, count] of health.reads) reads.inc({ route }, count)
    },
  })
  const up = new Gauge({
    name: 'manyhands_database_primary_up',
    help: 'Whether the primary answered when it was last asked: 1 or 0.',
    registers: [registry],
    collect() {
      up.set(health.isPrimaryAway() ? 0 : 1)
    },
  })
}

/** @returns what asks one of the replicas anew; left out where the primary answers instead. */
function measureLag({ database, log }: Measured, registry: Registry): () => Promise<void> {
  const lag = new Gauge({
    name: 'manyhands_database_replica_lag_seconds',
    help: 'How far the replica that a read led to just now is behind.',
    registers: [registry],
  })
  return async () => {
    lag.remove()
    try {
      const seconds = await database.replicaLag()
      if (seconds !== undefined) lag.set(seconds)
    } catch (error) {
      log.warn({ err: error }, 'no lag of a replica: the database is away')
    }
  }
}

/** @returns what reads the figures anew; without a database they are left out. */
function measureJobs({ queue, log }: Measured, registry: Registry): () => Promise<void> {
  const settings = { labelNames: ['queue'], registers: [registry] }
  const oldest = new Gauge({
    ...settings,
    name: 'manyhands_job_oldest_waiting_seconds',
    help: 'How long the job has waited that was asked for first and not begun yet.',
  })
  const failed = new Gauge({
    ...settings,
    name: 'manyhands_job_failures_last_hour',
    help: 'Jobs that were given up within the last hour, and that nobody has dismissed.',
  })
  const sinceDone = new Gauge({
    ...settings,
    name: 'manyhands_job_seconds_since_done',
    help: 'Time since a job of this name was done last, as long as that is kept.',
  })
  return async () => {
    for (const gauge of [oldest, failed, sinceDone]) gauge.reset()
    try {
      for (const { job, oldestWaitingSeconds, failedLastHour, sinceDoneSeconds } of await queue.figures()) {
        oldest.set({ queue: job }, oldestWaitingSeconds)
        failed.set({ queue: job }, failedLastHour)
        if (sinceDoneSeconds !== null) sinceDone.set({ queue: job }, sinceDoneSeconds)
      }
    } catch (error) {
      log.warn({ err: error }, 'no figures of jobs: the database is away')
    }
  }
}

/** @returns what asks anew. */
function measureFigure(
  { database, log }: Measured,
  registry: Registry,
  { name, help, read }: SiteFigure,
): () => Promise<void> {
  const gauge = new Gauge({ name, help, registers: [registry] })
  return async () => {
    gauge.remove()
    try {
      const value = await database.open({ writes: false }).read(read)
      if (value !== undefined) gauge.set(value)
    } catch (error) {
      log.warn({ err: error, figure: name }, 'no figure: the database is away')
    }
  }
}

/** @returns what compares anew; a schedule that never fired yet is not late. */
function measureSchedules(
  { database, log }: Measured,
  registry: Registry,
  catalogue: Partial<JobCatalogue>,
): () => Promise<void> {
  const overdue = new Gauge({
    name: 'manyhands_schedule_overdue_seconds',
    help: 'How long ago the last slot of a schedule should have been fired that was not; 0 when all were.',
    labelNames: ['schedule'],
    registers: [registry],
  })
  const schedules = Object.values(catalogue).flatMap(({ name, schedule }) =>
    schedule === undefined ? [] : [{ name, slots: slotsOf(schedule) }],
  )
  return async () => {
    overdue.reset()
    if (schedules.length === 0) return
    try {
      const fired = new Map(
        (await database.open({ writes: false }).read(lastSlots)).map(({ task, slot }) => [
          task,
          Date.parse(slot),
        ]),
      )
      const now = new Date()
      for (const { name, slots } of schedules) {
        const last = fired.get(name)
        if (last === undefined) continue
        const missed = slots.last(now, last)
        overdue.set({ schedule: name }, missed === undefined ? 0 : (now.getTime() - missed.getTime()) / 1_000)
      }
    } catch (error) {
      log.warn({ err: error }, 'no figures of schedules: the database is away')
    }
  }
}
