import type { ListSource } from '../../platform/list-store.ts'

/** Tasks as lists show them. */
export const taskList: ListSource = {
  from: 'task t',
  id: 't.id',
  projectId: 't.project_id',
  fields: {
    id: { sql: 't.id', type: 'integer' },
    created: { sql: 't.created', type: 'time' },
    projectId: { sql: 't.project_id', type: 'integer' },
    state: { sql: 't.state', type: 'text' },
    quorum: { sql: 't.quorum', type: 'integer' },
    calibration: { sql: 't.calibration', type: 'integer' },
    priority: { sql: 't.priority_0', type: 'number' },
    info: { sql: 't.info', type: 'json' },
    nAnswers: { sql: 't.n_answers', type: 'integer' },
    favUserIds: { sql: 't.fav_user_ids', type: 'integers' },
  },
}
