import { sql } from 'kysely'
import type { ListSource } from '../../platform/list-store.ts'

/** The contributors first, then their runs: each by an index. */
const contributorBy = (column: string) => ({
  column: 'r.contributor_id',
  idsOf: `select id from contributor where ${column} = `,
})

/** Task runs as lists show them, with who gave them. */
export const taskRunList: ListSource = {
  from: 'task_run r left join contributor c on c.id = r.contributor_id',
  shared: { table: 'contributor', alias: 'c', column: 'r.contributor_id' },
  id: 'r.id',
  projectId: 'r.project_id',
  isByProject: true,
  where: 'r.withdrawn is null',
  fields: {
    id: { sql: 'r.id', type: 'integer', isIndexed: true },
    created: { sql: 'r.created', type: 'time' },
    projectId: { sql: 'r.project_id', type: 'integer' },
    taskId: { sql: 'r.task_id', type: 'integer', isIndexed: true },
    userId: { sql: 'c.user_id', type: 'integer', isIndexed: true, lookup: contributorBy('user_id') },
    userIp: { sql: 'c.made_up_ip', type: 'text', isIndexed: true, lookup: contributorBy('made_up_ip') },
    finishTime: {
      sql: 'r.finish_time',
      type: 'time',
      rises: { table: 'task_run', column: 'finish_time' },
    },
    timeout: { sql: 'r.timeout', type: 'integer' },
    calibration: { sql: 'r.calibration', type: 'integer' },
    externalUid: {
      sql: 'c.external_uid',
      type: 'text',
      isIndexed: true,
      lookup: contributorBy('external_uid'),
    },
    mediaUrl: { sql: 'r.media_url', type: 'text' },
    info: { sql: 'r.info', type: 'json' },
  },
}

/** Task runs whose task is done. */
export const ofDoneTasks = sql`exists (
  select from task_sched s where s.task_id = r.task_id and s.done_by is not null)`
