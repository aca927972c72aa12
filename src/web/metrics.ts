import { createHash, timingSafeEqual } from 'node:crypto'
import { Router } from '@koa/router'
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Context, RequestState } from '../http/state.ts'
import type { App } from '../platform/app.ts'
import { replayLag } from '../platform/position-store.ts'

type Measured = Pick<App, 'config' | 'database' | 'memory' | 'queue' | 'log'>

/** GET /metrics, in the text form of Prometheus: for who has the token, or asks from this host where that is allowed. */
export function metricsRoutes(app: Measured): Router<RequestState> {
  // By one name each, so that a proxy can close it.
  const router = new Router<RequestState>({ strict: true, sensitive: true })
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  measureCache(app, registry)
  measurePools(app, registry)
  measureReads(app, registry)
  const readJobs = measureJobs(app, registry)
  const readLag = measureLag(app, registry)

  router.get('/metrics', async (ctx) => {
    const { token, isOpenToLoopback } = app.config.metrics
    if (!hasToken(ctx, token) && !(isOpenToLoopback && isLoopback(ctx))) {
      ctx.status = token === undefined && !isOpenToLoopback ? 404 : 403
      ctx.body = 'Metrics are for those who have METRICS_TOKEN, or on this host with METRICS_LOOPBACK=on.'
      return
    }
    await Promise.all([readJobs(), readLag()])
    ctx.set('Cache-Control', 'no-store')
    ctx.body = await registry.metrics()
    ctx.set('Content-Type', registry.contentType)
  })

  return router
}

function hasToken(ctx: Context, token: string | undefined): boolean {
  const [, given] = /^Bearer (.+)$/i.exec(ctx.get('Authorization')) ?? []
  if (token === undefined || given === undefined) return false
  const [one, other] = [given, token].map((text) => createHash('sha256').update(text).digest())
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}

function isLoopback(ctx: Context): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(ctx.ip)
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
    help: 'Reads by the server that they were sent to, and why the primary where it was that.',
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
      const seconds = await database.open({ writes: false }).read(replayLag)
      if (seconds !== undefined) lag.set(seconds)
    } catch (error) {
      log.warn({ err: error }, 'no lag of a replica: the database is away')
    }
  }
}

/** @returns what reads the figures anew; without a database they are left out. */
function measureJobs({ queue, log }: Measured, registry: Registry): () => Promise<void> {
  const settings = { labelNames: ['job'], registers: [registry] }
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
        oldest.set({ job }, oldestWaitingSeconds)
        failed.set({ job }, failedLastHour)
        if (sinceDoneSeconds !== null) sinceDone.set({ job }, sinceDoneSeconds)
      }
    } catch (error) {
      log.warn({ err: error }, 'no figures of jobs: the database is away')
    }
  }
}
