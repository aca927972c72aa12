import { Router } from '@koa/router'
import { Histogram } from 'prom-client'
import { siteFigures } from '../domain/status/status-service.ts'
import type { RequestFigures } from '../http/request-figures.ts'
import type { RequestState } from '../http/state.ts'
import type { App } from '../platform/app.ts'
import { createMetrics } from '../platform/metrics.ts'
import { refusalOfMetrics } from '../platform/metrics-listener.ts'

type Measured = Pick<App, 'config' | 'database' | 'memory' | 'queue' | 'log'>

/** GET /metrics, in the text form of Prometheus: for who has the token, or asks from this host where that is allowed. */
export function metricsRoutes(app: Measured, requests: RequestFigures): Router<RequestState> {
  // By one name each, so that a proxy can close it.
  const router = new Router<RequestState>({ strict: true, sensitive: true })
  const metrics = createMetrics(app, { figures: siteFigures })
  const seconds = new Histogram({
    name: 'manyhands_http_request_seconds',
    help: 'How long requests took until their answer began, by group of routes and class of status.',
    labelNames: ['group', 'status'],
    // The alarm is at one second, the goal for pages at a tenth.
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [metrics.registry],
  })
  requests.onAnswered(({ group, status, ms }) => {
    seconds.observe({ group, status: `${Math.floor(status / 100)}xx` }, ms / 1_000)
  })

  router.get('/metrics', async (ctx) => {
    const refusal = refusalOfMetrics(app.config.metrics, {
      authorization: ctx.get('Authorization'),
      address: ctx.ip,
    })
    if (refusal) {
      ctx.status = refusal.status
      ctx.body = refusal.text
      return
    }
    ctx.set('Cache-Control', 'no-store')
    ctx.body = await metrics.text()
    ctx.set('Content-Type', metrics.contentType)
  })

  return router
}
