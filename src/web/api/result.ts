import { Router } from '@koa/router'
import { listResultRecords } from '../../domain/results/result-service.ts'
import type { RequestState } from '../../http/state.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { idOf } from './input.ts'
import { listArguments } from './list-arguments.ts'
import { link, toWire } from './output.ts'

const NAMES = {
  id: 'id',
  created: 'created',
  project_id: 'projectId',
  task_id: 'taskId',
  task_run_ids: 'taskRunIds',
  last_version: 'lastVersion',
  info: 'info',
} as const

/** /api/result: the current version of each, unless last_version=false asks for the older ones. */
export function resultRoutes(app: App): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/result' })

  const withLinks = (result: Record<string, unknown>) => ({
    ...toWire(result, NAMES),
    link: link(app.config.site.url, 'result', result['id']),
    links: [
      link(app.config.site.url, 'project', result['projectId'], 'parent'),
      link(app.config.site.url, 'task', result['taskId'], 'parent'),
    ],
  })

  router.get('/', async (ctx) => {
    const query = listArguments(ctx, { className: 'Result', names: NAMES, hasOwnership: true })
    const isAsked = query.filters.some(({ field }) => field === 'lastVersion')
    const current = isAsked ? [] : [{ field: 'lastVersion', values: ['true'] }]
    const results = await listResultRecords(ctx.state.db, {
      ...query,
      filters: [...query.filters, ...current],
    })
    ctx.body = results.map(withLinks)
  })

  router.get('/:id', async (ctx) => {
    const id = idOf(ctx)
    const [result] = await listResultRecords(ctx.state.db, {
      filters: [{ field: 'id', values: [String(id)] }],
      orderBy: 'id',
      desc: false,
      limit: 1,
      offset: 0,
      readableBy: ctx.state.viewer?.isAdmin === true ? 'everything' : ctx.state.viewer?.id,
    })
    if (!result) throw new NotFoundError('result', id)
    ctx.body = withLinks(result)
  })

  return router
}
