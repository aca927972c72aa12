import type { Router } from '@koa/router'
import { writes } from '../http/state.ts'
import type { Handler, RequestState } from '../http/state.ts'

export interface Route {
  /** GET, POST …; ALL for a route that answers whatever the method. */
  readonly method: string
  /** The pattern, such as /api/task/:id. */
  readonly path: string
  /** The route writes although its method is GET. */
  readonly declaresWrites: boolean
}

/** Every route of a router; HEAD comes with GET and is not listed. */
export function listRoutes(router: Router<RequestState>): Route[] {
  return router.stack.flatMap((layer) =>
    methodsOf(layer.methods).map((method) => ({
      method,
      path: String(layer.path),
      declaresWrites: layer.stack.some((middleware) => Object.is(middleware, writes)),
    })),
  )
}

function methodsOf(methods: readonly string[]): readonly string[] {
  return methods.includes('TRACE') ? ['ALL'] : methods.filter((method) => method !== 'HEAD')
}

/** A request that a route answered, and what with. */
export interface Answered {
  readonly method: string
  /** The pattern of the route. */
  readonly path: string
  readonly status: number
  readonly body: unknown
}

/** Tells `listener` of each request that a route answered. */
export function noteRoute(listener: (answered: Answered) => void): Handler {
  return async (ctx, next) => {
    try {
      await next()
    } finally {
      const path: unknown = ctx['_matchedRoute']
      if (typeof path === 'string') listener({ method: ctx.method, path, status: ctx.status, body: ctx.body })
    }
  }
}
