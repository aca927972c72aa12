import type { ListSource } from '../../platform/list-store.ts'

/** Task runs as lists show them, with who gave them. */
export const taskRunList: ListSource = {
  from: 'task_run r join contributor c on c.id = r.contributor_id',
  id: 'r.id',
  projectId: 'r.project_id',
  where: 'r.withdrawn is null',
  fields: {
    id: { sql: 'r.id', type: 'integer' },
    created: { sql: 'r.created', type: 'time' },
    projectId: { sql: 'r.project_id', type: 'integer' },
    taskId: { sql: 'r.task_id', type: 'integer' },
    userId: { sql: 'c.user_id', type: 'integer' },
    userIp: { sql: 'c.made_up_ip', type: 'text' },
    finishTime: { sql: 'r.finish_time', type: 'time' },
    timeout: { sql: 'r.timeout', type: 'integer' },
    calibration: { sql: 'r.calibration', type: 'integer' },
    externalUid: { sql: 'c.external_uid', type: 'text' },
    mediaUrl: { sql: 'r.media_url', type: 'text' },
    info: { sql: 'r.info', type: 'json' },
  },
}
