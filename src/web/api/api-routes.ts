import { Router } from '@koa/router'
import { rateLimit } from '../../http/rate-limit.ts'
import type { Context, Handler, RequestState } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import { announcementOperations } from './announcement.ts'
import { blogpostOperations } from './blogpost.ts'
import { categoryOperations } from './category.ts'
import { ApiError } from './errors.ts'
import { favouriteOperations } from './favourite.ts'
import { helpingMaterialOperations } from './helping-material.ts'
import { newTaskOperations } from './new-task.ts'
import { registerOperations } from './operation.ts'
import type { Operation } from './operation.ts'
import { openApiDocument } from './openapi.ts'
import { pageOperations } from './page.ts'
import { projectOperations } from './project.ts'
import { resultOperations } from './result.ts'
import { ruleOperations } from './rules.ts'
import { taskRunOperations } from './task-run.ts'
import { taskOperations } from './task.ts'
import { tokenOperations } from './token.ts'

/** Everything below /api: PyBossa's paths and shapes. */
export function apiRoutes(app: App): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/api' })
  router.use(cors, rateLimit(app, rateGroup))
  router.get('/', (ctx) => {
    ctx.type = 'text/plain'
    ctx.body = `The ${app.config.site.name} API`
  })
  const operations = apiOperations(app)
  registerOperations(router, operations)
  const document = JSON.stringify(openApiDocument(operations, app.config.site))
  router.get('/openapi.json', (ctx) => {
    ctx.type = 'application/json'
    ctx.body = document
  })
  router.options('/{*path}', (ctx) => {
    ctx.body = ''
  })
  router.all('/{*path}', (ctx) => {
    const isKnown = router
      .match(ctx.path, ctx.method)
      .path.some(({ methods, path }) => methods.length > 0 && path !== '/api/{*path}')
    if (isKnown) throw new ApiError('MethodNotAllowed', `${ctx.method} is not possible here`)
    throw new ApiError('NotFound', '404 Not Found: there is no such address')
  })
  return router
}

/** Everything that the API can do. */
export function apiOperations(app: App): Operation[] {
  return [
    ...newTaskOperations(app),
    ...ruleOperations(app),
    ...tokenOperations(app),
    ...projectOperations(app),
    ...taskOperations(app),
    ...taskRunOperations(app),
    ...resultOperations(app),
    ...categoryOperations(app),
    ...announcementOperations(app),
    ...blogpostOperations(app),
    ...helpingMaterialOperations(app),
    ...pageOperations(app),
    ...favouriteOperations(app),
  ]
}

/** Readable from everywhere, without credentials; the rate limit headers too. */
const cors: Handler = (ctx, next) => {
  ctx.set('Access-Control-Allow-Origin', '*')
  ctx.set('Access-Control-Expose-Headers', 'X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset')
  ctx.set('Access-Control-Allow-Headers', 'Content-Type, Authorization, Idempotency-Key')
  ctx.set('Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS')
  ctx.set('Access-Control-Max-Age', '21600')
  ctx.set('Cache-Control', 'private, no-store')
  return next()
}

/** Collection and item of a noun share a counter; so do all projects' newtask, and all userprogress. */
function rateGroup(ctx: Context): string {
  const [, noun = 'index', , action] = ctx.path.split('/').filter(Boolean)
  return action === 'newtask' || action === 'userprogress' || action === 'skip' ? action : noun
}
