import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { ListSource } from '../../platform/list-store.ts'

/** As the index task_content has it. What is longer would not fit into one: full-text search does not find it. */
const WORDS = `case when octet_length(t.info::text) < 250000
  then jsonb_to_tsvector('english', t.info, '["string", "numeric", "boolean"]') end`

/** What the scheduler knows of a task, which has the indexes for it. */
function scheduledWith(condition: string): string {
  return `exists (select from task_sched s
                   where s.task_id = t.id and s.project_id = t.project_id and s.${condition})`
}

/** Tasks as lists show them. */
export const taskList: ListSource = {
  from: 'task t',
  id: 't.id',
  projectId: 't.project_id',
  isByProject: true,
  fields: {
    id: { sql: 't.id', type: 'integer', isIndexed: true },
    created: { sql: 't.created', type: 'time' },
    projectId: { sql: 't.project_id', type: 'integer' },
    state: {
      sql: 't.state',
      type: 'text',
      conditions: {
        ongoing: scheduledWith('done_by is null'),
        completed: scheduledWith('done_by is not null'),
      },
    },
    quorum: { sql: 't.quorum', type: 'integer' },
    calibration: { sql: 't.calibration', type: 'integer' },
    priority: { sql: 't.priority_0', type: 'number' },
    info: { sql: 't.info', type: 'json', isIndexed: true, words: WORDS },
    nAnswers: { sql: 't.n_answers', type: 'integer' },
    favUserIds: { sql: 't.fav_user_ids', type: 'integers', isIndexed: true },
  },
}

/**
 * Tasks that none of these contributors has given a task run to. A subquery with a limit stays one probe for each task
 * looked at: as an anti join it would read all that a keen contributor has ever given.
 */
export function withoutRunsOf(contributorIds: readonly number[]): RawBuilder<unknown> {
  return sql`(select 1 from task_run r where r.task_id = t.id and r.withdrawn is null
                 and r.contributor_id = any (${[...contributorIds]}::bigint[]) limit 1) is null`
}
