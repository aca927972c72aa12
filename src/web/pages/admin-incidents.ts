import { Router } from '@koa/router'
import { COMPONENTS } from '../../domain/status/availability.ts'
import { addToIncident, listAllIncidents, tellIncident } from '../../domain/status/incident-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'

const ADDRESS = '/admin/incidents'

/** For admins: what the status page tells of trouble. */
export function adminIncidentRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: ADDRESS })

  async function list(ctx: Context, form: FormView) {
    const incidents = await listAllIncidents(ctx.state.db, ctx.state.viewer)
    views.render(ctx, 'pages/admin/incidents.html', { incidents, components: COMPONENTS, form })
  }

  router.get('/', (ctx) => list(ctx, { values: {}, errors: {} }))

  router.post('/', async (ctx) => {
    const values = await readForm(ctx)
    await orShowAgain(
      ctx,
      values,
      (form) => list(ctx, form),
      async () => {
        const components = COMPONENTS.filter((name) => values[name] === 'on')
        await tellIncident(ctx.state.db, ctx.state.viewer, { ...values, components })
        leaveFlash(ctx, app, 'incident-told')
        ctx.redirect(ADDRESS)
      },
    )
  })

  router.post('/:id/notes', async (ctx) => {
    const { db, viewer } = ctx.state
    const id = pathId(ctx, 'id')
    const { note = '', over = '' } = await readForm(ctx)
    await orShowAgain(
      ctx,
      { [`note-${id}`]: note, [`over-${id}`]: over },
      ({ values, errors: { body, ...errors } }) =>
        list(ctx, { values, errors: body === undefined ? errors : { ...errors, [`note-${id}`]: body } }),
      async () => {
        await addToIncident(db, viewer, id, { body: note, isOver: over === 'on' })
        leaveFlash(ctx, app, 'incident-told')
        ctx.redirect(ADDRESS)
      },
    )
  })

  return router
}
