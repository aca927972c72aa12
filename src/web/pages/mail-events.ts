import { Router } from '@koa/router'
import { readMailgunEvents, readOwnEvents } from '../../domain/mails/mail-events.ts'
import type { MailEventRequest } from '../../domain/mails/mail-events.ts'
import { suppress } from '../../domain/mails/suppression-service.ts'
import type { Failure } from '../../domain/mails/suppression-service.ts'
import { readText } from '../../http/form.ts'
import type { RequestState } from '../../http/state.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'

/** Where mail providers tell of mails that came back or were reported as spam; each with a key that is set. */
export function mailEventRoutes(app: App): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/mail/events' })
  const { mailEvents, mailgun } = app.config.secrets

  take('/', mailEvents, readOwnEvents)
  take('/mailgun', mailgun, readMailgunEvents)
  return router

  function take(
    path: string,
    key: string | undefined,
    read: (request: MailEventRequest, key: string) => Failure[],
  ): void {
    router.post(path, async (ctx) => {
      if (key === undefined) throw new NotFoundError('page', ctx.path)
      const request = { body: await readText(ctx), header: (name: string) => ctx.get(name) }
      const added = await suppress(ctx.state.db, read(request, key))
      ctx.state.log.info({ added }, 'mail events taken')
      ctx.status = 204
    })
  }
}
