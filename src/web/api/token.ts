import { timingSafeEqual } from 'node:crypto'
import { findProjectForToken, openSecretKey } from '../../domain/projects/project-service.ts'
import type { Context } from '../../http/state.ts'
import { ForbiddenError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { signToken } from './external.ts'
import { nameOf } from './input.ts'
import type { Operation } from './operation.ts'

/** GET /api/auth/project/<short_name>/token: the secret key buys a token for another site's people. */
export function tokenOperations(app: App): Operation[] {
  return [
    {
      method: 'get',
      path: '/auth/project/:shortName/token',
      summary: "A token for another site's people; the Authorization header holds the project's secret key",
      shown: 'text',
      handle: (ctx) => giveToken(app, ctx),
    },
  ]
}

async function giveToken(app: App, ctx: Context): Promise<void> {
  const given = ctx.get('Authorization')
  if (!given) throw new ForbiddenError('Send the secret key of the project in the Authorization header.')
  const shortName = nameOf(ctx, 'shortName')
  const project = await findProjectForToken(ctx.state.db, shortName)
  const isRight = project !== undefined && isEqual(given, await openSecretKey(app, project))
  if (!isRight) throw new NotFoundError('project', shortName)
  ctx.type = 'text/html'
  ctx.body = await signToken(app, project)
}

function isEqual(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}
