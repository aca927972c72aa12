import type { Context, Handler } from '../../http/state.ts'
import type { JsonObject } from '../../platform/schema.ts'

/** Requests in PyBossa's words from before 1.0, whose answers have to be in them too. */
const speaking = new WeakSet<Context>()
const understood = new WeakSet<Context>()

/**
 * PyBossa called projects apps before 1.0. Presenters and tools of that time still ask for /api/app, name a project by
 * `app_id`, and read `app_id` in the answer; their links lead to /app/<short_name>.
 */
export const oldNames: Handler = async (ctx, next) => {
  if (/^\/app(\/|$)/.test(ctx.path) && (ctx.method === 'GET' || ctx.method === 'HEAD')) {
    ctx.status = 301
    ctx.redirect(`${ctx.path.replace(/^\/app\/?/, '/project/')}${ctx.search}`)
    return
  }
  if (!ctx.path.startsWith('/api/')) {
    await next()
    return
  }
  understood.add(ctx)
  translateAddress(ctx)
  await next()
  if (speaking.has(ctx)) ctx.body = withOldNames(ctx.body)
}

function translateAddress(ctx: Context): void {
  if (/^\/api\/app(\/|$)/.test(ctx.path)) {
    ctx.path = ctx.path.replace('/api/app', '/api/project')
    speaking.add(ctx)
  }
  const { app_id: id, ...query } = ctx.query
  if (id === undefined) return
  ctx.query = { project_id: id, ...query }
  speaking.add(ctx)
}

/** The body of a task or task run with its project under the present name. */
export function translateBody(ctx: Context, body: JsonObject): JsonObject {
  if (!understood.has(ctx) || !/^\/api\/task(run)?(\/|$)/.test(ctx.path) || !('app_id' in body)) return body
  const { app_id: id, ...rest } = body
  speaking.add(ctx)
  return { project_id: id, ...rest }
}

/** What belongs to a project says so in the old word as well. */
function withOldNames(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(withOldNames)
  if (typeof body !== 'object' || body === null || !('project_id' in body)) return body
  return { ...body, app_id: body.project_id }
}
