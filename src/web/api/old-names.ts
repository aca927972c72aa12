import type { Handler } from '../../http/state.ts'

/** PyBossa called projects apps before 1.0: /api/app and app_id in the address mean the same. */
export const oldNames: Handler = (ctx, next) => {
  if (/^\/api\/app(\/|$)/.test(ctx.path)) ctx.path = ctx.path.replace('/api/app', '/api/project')
  const { app_id: appId, ...query } = ctx.query
  if (appId !== undefined && ctx.path.startsWith('/api/')) ctx.query = { project_id: appId, ...query }
  return next()
}
