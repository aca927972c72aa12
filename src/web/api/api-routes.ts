import { Router } from '@koa/router'
import type { RequestState } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import { announcementOperations } from './announcement.ts'
import { blogpostOperations } from './blogpost.ts'
import { auditLogOperations } from './audit-log.ts'
import { bulkTaskOperations } from './bulk-tasks.ts'
import { categoryOperations } from './category.ts'
import { completedOperations } from './completed.ts'
import { ApiError } from './errors.ts'
import { favouriteOperations } from './favourite.ts'
import { helpingMaterialOperations } from './helping-material.ts'
import { newTaskOperations } from './new-task.ts'
import { registerOperations } from './operation.ts'
import type { Operation } from './operation.ts'
import type { ApiDocument } from './openapi.ts'
import { pageOperations } from './page.ts'
import { projectOperations } from './project.ts'
import { resultOperations } from './result.ts'
import { ruleOperations } from './rules.ts'
import { statisticsOperations } from './statistics.ts'
import { taskRunOperations } from './task-run.ts'
import { taskOperations } from './task.ts'
import { tokenOperations } from './token.ts'
import { userOperations } from './user.ts'

/** Everything below /api: PyBossa's paths and shapes. */
export function apiRoutes(
  app: App,
  operations: readonly Operation[],
  document: ApiDocument,
): Router<RequestState> {
  // Whatever looks at a path to know the API, such as the rate limit, sees small letters only.
  const router = new Router<RequestState>({ prefix: '/api', sensitive: true })
  router.get('/', (ctx) => {
    ctx.type = 'text/plain'
    ctx.body = `The ${app.config.site.name} API`
  })
  registerOperations(router, operations)
  const text = JSON.stringify(document)
  router.get('/openapi.json', (ctx) => {
    ctx.type = 'application/json'
    ctx.body = text
  })
  router.all('/{*path}', (ctx) => {
    const methods = new Set(
      router
        .match(ctx.path, ctx.method)
        .path.filter(({ path }) => path !== '/api/{*path}')
        .flatMap((layer) => layer.methods),
    )
    if (methods.size === 0) throw new ApiError('NotFound', '404 Not Found: there is no such address')
    ctx.set('Allow', [...methods, 'OPTIONS'].join(', '))
    throw new ApiError('MethodNotAllowed', `${ctx.method} is not possible here`)
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
    ...statisticsOperations(app),
    ...auditLogOperations(app),
    ...userOperations(app),
    ...completedOperations(app),
    ...bulkTaskOperations(),
  ]
}
