import type { ListSource } from '../../platform/list-store.ts'

/** Results as lists show them. */
export const resultList: ListSource = {
  from: 'result x',
  id: 'x.id',
  projectId: 'x.project_id',
  isByProject: true,
  fields: {
    id: { sql: 'x.id', type: 'integer', isIndexed: true },
    created: { sql: 'x.created', type: 'time' },
    projectId: { sql: 'x.project_id', type: 'integer' },
    taskId: { sql: 'x.task_id', type: 'integer', isIndexed: true },
    taskRunIds: { sql: 'x.task_run_ids', type: 'integers' },
    lastVersion: { sql: 'x.last_version', type: 'boolean' },
    info: { sql: 'x.info', type: 'json' },
  },
}
