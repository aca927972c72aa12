import { Router } from '@koa/router'
import { timingSafeEqual } from 'node:crypto'
import { findProjectForToken, openSecretKey } from '../../domain/projects/project-service.ts'
import type { RequestState } from '../../http/state.ts'
import { ForbiddenError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { signToken } from './external.ts'

/** GET /api/auth/project/<short_name>/token: the secret key buys a token for another site's people. */
export function tokenRoutes(app: App): Router<RequestState> {
  const router = new Router<RequestState>()

  router.get('/auth/project/:shortName/token', async (ctx) => {
    const given = ctx.get('Authorization')
    if (!given) throw new ForbiddenError('Send the secret key of the project in the Authorization header.')
    const shortName = String(ctx.params['shortName'])
    const project = await findProjectForToken(ctx.state.db, shortName)
    const isRight = project !== undefined && isEqual(given, await openSecretKey(app, project))
    if (!isRight) throw new NotFoundError('project', shortName)
    ctx.type = 'text/html'
    ctx.body = await signToken(app, project)
  })

  return router
}

function isEqual(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}
