import { Router } from '@koa/router'
import { getStatus, unknownStatus } from '../../domain/status/status-service.ts'
import type { ComponentStatus, SiteStatus } from '../../domain/status/status-service.ts'
import type { RequestState } from '../../http/state.ts'
import type { View, Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'

/** Who looks at it in trouble does so again and again: the database is asked this often, in seconds. */
const KEPT = { name: 'status', version: 2, freshSeconds: 10, staleSeconds: 20 }

/** How the site is and was, for everybody; by it people tell whether the trouble is theirs. */
export function statusRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>()

  router.get('/status', async (ctx) => {
    const status = await app.memory
      .get(KEPT, 'site', () => getStatus(ctx.state.db))
      .catch((error: unknown): SiteStatus => {
        ctx.state.log.warn({ err: error }, 'no status: the database is away')
        return unknownStatus()
      })
    views.render(ctx, 'pages/site/status.html', statusView(status), { shared: true })
  })

  return router
}

function statusView({ state, components, incidents, asOf }: SiteStatus): View {
  return {
    state,
    components: components.map(componentView),
    incidents,
    open: incidents.filter(({ ended }) => ended === null),
    past: incidents.filter(({ ended }) => ended !== null),
    asOf,
  }
}

function componentView({ name, state, budgets, days }: ComponentStatus) {
  return {
    name,
    state,
    days: days.map((day) => ({ ...day, level: levelOf(day.minutesBad) })),
    budgets: budgets.map(({ days: window, goodShare, minutesBad, minutesAllowed }) => ({
      days: window,
      minutesBad,
      minutesAllowed,
      // Downwards: what was not all is not shown as all.
      percent: goodShare === undefined ? null : Math.floor(goodShare * 10_000) / 100,
      isSpent: minutesBad > minutesAllowed,
    })),
  }
}

/** How a day is drawn: an hour of trouble is a bad day. */
function levelOf(minutesBad: number): 'good' | 'some' | 'bad' {
  if (minutesBad === 0) return 'good'
  return minutesBad < 60 ? 'some' : 'bad'
}
