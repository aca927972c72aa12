import type { ListSource } from '../../platform/list-store.ts'

/** So many of the newest task runs the average time is taken of: those of a large project would be counted too long. */
export const TIMED_RUNS = 200

const total = (column: string) => `(coalesce(t.${column}, 0) + coalesce(d.${column}, 0))`

/** The figures of projects as lists show them, exact: folded totals and what is not folded yet. */
export const projectStatisticsList = {
  from: `project p left join project_total t on t.project_id = p.id
    left join lateral (
      select sum(n_tasks) as n_tasks, sum(n_wanted) as n_wanted, sum(n_completed_tasks) as n_completed_tasks,
             sum(n_task_runs) as n_task_runs, sum(n_extra) as n_extra, sum(n_contributors) as n_contributors,
             max(created) filter (where n_task_runs + n_extra > 0) as last_activity
        from project_delta where project_id = p.id) d on true`,
  id: 'p.id',
  projectId: 'p.id',
  fields: {
    id: { sql: 'p.id', type: 'integer' },
    projectId: { sql: 'p.id', type: 'integer' },
    nTasks: { sql: `${total('n_tasks')}::bigint`, type: 'integer' },
    nTaskRuns: { sql: `(${total('n_task_runs')} + ${total('n_extra')})::bigint`, type: 'integer' },
    nResults: {
      sql: '(select count(*) from result x where x.project_id = p.id and x.info is not null)',
      type: 'integer',
    },
    nContributors: { sql: `${total('n_contributors')}::bigint`, type: 'integer' },
    nCompletedTasks: { sql: `${total('n_completed_tasks')}::bigint`, type: 'integer' },
    overallProgress: {
      sql: `coalesce(floor(100.0 * ${total('n_task_runs')} / nullif(${total('n_wanted')}, 0)), 0)::bigint`,
      type: 'integer',
    },
    averageSeconds: {
      sql: `coalesce((select avg(extract(epoch from r.finish_time - r.created))
                        from (select finish_time, created from task_run where project_id = p.id
                               order by id desc limit ${TIMED_RUNS}) r), 0)::double precision`,
      type: 'number',
    },
    nBlogposts: {
      sql: '(select count(*) from blogpost b where b.project_id = p.id and b.published)',
      type: 'integer',
    },
    lastActivity: { sql: 'coalesce(d.last_activity, t.last_activity)', type: 'time' },
  },
} satisfies ListSource
