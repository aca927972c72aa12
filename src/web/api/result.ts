import { getProject, mustEdit } from '../../domain/projects/project-service.ts'
import { getResult, listResultRecords, updateResult } from '../../domain/results/result-service.ts'
import type { Context } from '../../http/state.ts'
import { refusal } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { RESULT } from './nouns.ts'
import type { Operation } from './operation.ts'
import { relatedOfResults } from './related.ts'
import { resource } from './resource.ts'

/** /api/result: the current version of each, unless last_version=false asks for the older ones. */
export function resultOperations(app: App): Operation[] {
  return resource(app, RESULT, {
    extras: { related: relatedOfResults },

    list(ctx, query) {
      const isAsked = query.filters.some(({ field }) => field === 'lastVersion')
      const current = isAsked ? [] : [{ field: 'lastVersion', values: ['true'] }]
      return listResultRecords(ctx.state.db, { ...query, filters: [...query.filters, ...current] })
    },
    read: (ctx, id) => getResult(ctx.state.db, ctx.state.viewer, id),

    async update(ctx, id, read) {
      const { result, project } = await find(ctx, id)
      mustEdit(ctx.state.viewer, project)
      const body = await read()
      const info = 'info' in body ? (body.info ?? null) : undefined
      return info === undefined ? result : updateResult(ctx.state.db, ctx.state.viewer, project, result, info)
    },

    create(ctx) {
      throw refusal(ctx.state.viewer, 'Results are made by the server, when a task is done')
    },

    async remove(ctx, id) {
      await find(ctx, id)
      throw refusal(ctx.state.viewer, 'Results are never deleted')
    },
  })
}

async function find(ctx: Context, id: number) {
  const { db, viewer } = ctx.state
  const result = await getResult(db, viewer, id)
  return { result, project: await getProject(db, viewer, Number(result['projectId'])) }
}
