import { createHash, timingSafeEqual } from 'node:crypto'
import { Router } from '@koa/router'
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Context, RequestState } from '../http/state.ts'
import type { App } from '../platform/app.ts'

type Measured = Pick<App, 'config' | 'database' | 'memory' | 'queue' | 'log'>

/** GET /metrics, in the text form of Prometheus: for who has the token, or asks from this host where that is allowed. */
export function metricsRoutes(app: Measured): Router<RequestState> {
  const router = new Router<RequestState>()
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  measureCache(app, registry)
  measurePools(app, registry)
  const readJobs = measureJobs(app, registry)

  router.get('/metrics', async (ctx) => {
    const { token, isOpenToLoopback } = app.config.metrics
    if (!hasToken(ctx, token) && !(isOpenToLoopback && isLoopback(ctx))) {
      ctx.status = token === undefined && !isOpenToLoopback ? 404 : 403
      ctx.body = 'Metrics are for those who have METRICS_TOKEN, or on this host with METRICS_LOOPBACK=on.'
      return
    }
    await readJobs()
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
