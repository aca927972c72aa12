import { listResultRecords } from '../../domain/results/result-service.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { defineNoun } from './noun.ts'
import type { Operation } from './operation.ts'
import { resource } from './resource.ts'
import { boolean, integer, integers, json, time } from './values.ts'

const RESULT = defineNoun({
  path: 'result',
  className: 'Result',
  hasOwnership: true,
  parents: { project_id: 'project', task_id: 'task' },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    created: { field: 'created', schema: time, use: 'reserved' },
    project_id: { field: 'projectId', schema: integer, use: 'reserved' },
    task_id: { field: 'taskId', schema: integer, use: 'reserved' },
    task_run_ids: { field: 'taskRunIds', schema: integers, use: 'reserved' },
    last_version: { field: 'lastVersion', schema: boolean, use: 'reserved' },
    info: { field: 'info', schema: json },
  },
})

/** /api/result: the current version of each, unless last_version=false asks for the older ones. */
export function resultOperations(app: App): Operation[] {
  return resource(app, RESULT, {
    list(ctx, query) {
      const isAsked = query.filters.some(({ field }) => field === 'lastVersion')
      const current = isAsked ? [] : [{ field: 'lastVersion', values: ['true'] }]
      return listResultRecords(ctx.state.db, { ...query, filters: [...query.filters, ...current] })
    },
    async read(ctx, id) {
      const { db, viewer } = ctx.state
      const [result] = await listResultRecords(db, {
        filters: [{ field: 'id', values: [String(id)] }],
        orderBy: 'id',
        desc: false,
        limit: 1,
        offset: 0,
        readableBy: viewer?.isAdmin === true ? 'everything' : viewer?.id,
      })
      if (!result) throw new NotFoundError('result', id)
      return result
    },
  })
}
