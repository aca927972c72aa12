import { Router } from '@koa/router'
import { choose, isSubscribed } from '../../domain/mails/choice-service.ts'
import {
  changeNewsletter,
  createNewsletter,
  getNewsletter,
  listAllNewsletters,
  sendNewsletter,
  testNewsletter,
} from '../../domain/newsletters/newsletter-service.ts'
import type { Newsletter } from '../../domain/newsletters/newsletter-service.ts'
import { mustBeAdmin } from '../../domain/users/user-policy.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'

const NEW: FormView = { values: { audience: 'all' }, errors: {} }

/** Newsletters: admins write, try and send them; everybody says whether they want them at PyBossa's address. */
export function newsletterRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>()
  const prefix = '/admin/newsletters'
  const addressOf = (id: number) => `${prefix}/${id}`

  router.get(prefix, async (ctx) => {
    const newsletters = await listAllNewsletters(ctx.state.db, ctx.state.viewer)
    views.render(ctx, 'pages/newsletters/list.html', { newsletters: newsletters.map(row) })
  })

  router.get(`${prefix}/new`, (ctx) => {
    showNew(ctx, NEW)
  })

  function showNew(ctx: Context, form: FormView) {
    mustBeAdmin(ctx.state.viewer)
    views.render(ctx, 'pages/newsletters/edit.html', { newsletter: null, form })
  }

  router.post(`${prefix}/new`, async (ctx) => {
    const values = await readForm(ctx)
    await orShowAgain(
      ctx,
      values,
      (form) => {
        showNew(ctx, form)
      },
      async () => {
        ctx.redirect(addressOf(await createNewsletter(ctx.state.db, ctx.state.viewer, values)))
      },
    )
  })

  async function show(ctx: Context, form?: FormView) {
    const progress = await getNewsletter(ctx.state.db, ctx.state.viewer, pathId(ctx, 'id'))
    const { newsletter, shortName, nRecipients, sent, notSent } = progress
    const values = { ...newsletter, project: shortName }
    if (newsletter.state === 'draft') {
      const view = { newsletter: row(newsletter), nRecipients, form: form ?? { values, errors: {} } }
      views.render(ctx, 'pages/newsletters/edit.html', view)
    } else {
      views.render(ctx, 'pages/newsletters/show.html', { newsletter: row(newsletter), sent, notSent })
    }
  }

  router.get(`${prefix}/:id`, (ctx) => show(ctx))

  router.post(`${prefix}/:id`, async (ctx) => {
    const id = pathId(ctx, 'id')
    const values = await readForm(ctx)
    await orShowAgain(
      ctx,
      values,
      (form) => show(ctx, form),
      async () => {
        await changeNewsletter(ctx.state.db, ctx.state.viewer, id, values)
        leaveFlash(ctx, app, 'newsletter-saved')
        ctx.redirect(addressOf(id))
      },
    )
  })

  router.post(`${prefix}/:id/test`, async (ctx) => {
    const id = pathId(ctx, 'id')
    await testNewsletter(app, ctx.state.db, ctx.state.viewer, id)
    leaveFlash(ctx, app, 'newsletter-tested', { address: requireViewer(ctx).email })
    ctx.redirect(addressOf(id))
  })

  router.post(`${prefix}/:id/send`, async (ctx) => {
    const id = pathId(ctx, 'id')
    await sendNewsletter(app, ctx.state.db, ctx.state.viewer, id)
    ctx.redirect(addressOf(id))
  })

  router.get('/account/newsletter', async (ctx) => {
    const { id: userId } = requireViewer(ctx)
    const isOn = await isSubscribed(ctx.state.db, { userId, kind: 'newsletter' })
    views.render(ctx, 'pages/account/newsletter.html', { isOn })
  })

  // PyBossa's word in the address; its pages send it by GET.
  router.post('/account/newsletter', async (ctx) => {
    const { id: userId } = requireViewer(ctx)
    const isWanted = String(ctx.query['subscribe']).toLowerCase() === 'true'
    await choose(ctx.state.db, { userId, kind: 'newsletter' }, isWanted)
    leaveFlash(ctx, app, 'choices-saved')
    ctx.redirect('/account/mail/choices')
  })

  return router
}

/** What lists and pages show of a newsletter. */
function row({ id, subject, state, nQueued, created, started, finished }: Newsletter) {
  return { id, subject, state, nQueued, created, started, finished }
}
