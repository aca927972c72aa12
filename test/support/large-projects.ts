import { cpus } from 'node:os'
import type { TestApp } from './app.ts'
import { databaseOf, onPrimary, waitForReplica } from './servers.ts'
import type pg from 'pg'

export interface LargeSize {
  /** Of each project. */
  readonly tasks: number
  /** Of each task. */
  readonly runs: number
  /** Gives two hundred of the task runs of each project. */
  readonly person: number
}

/** Millions of rows take a replica their time. */
const REPLAY_MS = 600_000

/** What is filled with rows without number. */
const FILLED = ['task', 'task_sched', 'task_run', 'result']

/**
 * Gives projects as many tasks, each with runs and a result, minute after minute; one task in a thousand is still to be
 * done, and twenty people hold a lease on it. What follows from all that is there too, and a job for each task. Neither
 * triggers nor foreign keys look on, and indexes are made afterwards: row by row that is most of the time.
 */
export async function fillProjects(
  site: TestApp,
  projectIds: readonly number[],
  size: LargeSize,
): Promise<void> {
  await onPrimary(databaseOf(site.env), async (client) => {
    await client.query('set session_replication_role = replica')
    await client.query(`set maintenance_work_mem = '256MB'`)
    await client.query(`set max_parallel_maintenance_workers = ${cpus().length}`)
    const { rows: indexes } = await client.query<{ name: string; made: string }>(
      `select i.indexname as name, i.indexdef as made from pg_indexes i
        where i.tablename = any ($1)
          and not exists (select from pg_constraint c where c.conindid = i.indexname::regclass)`,
      [FILLED],
    )
    for (const { name } of indexes) await client.query(`drop index ${name}`)
    for (const id of projectIds) await fill(client, id, size)
    for (const { made } of indexes) await client.query(made)
    await client.query('vacuum analyze')
  })
  await waitForReplica(REPLAY_MS)
}

async function fill(client: pg.Client, projectId: number, { tasks, runs, person }: LargeSize): Promise<void> {
  // So many that reading all of them is no way to find those of a page.
  const people = Math.max(1_000, tasks / 10)
  await client.query(
    `insert into task (project_id, state, n_answers, priority_0, calibration, fav_user_ids, info, created)
     select $1, case when n % 1000 = 0 then 'ongoing' else 'completed' end, 1, random(), (n % 7000 = 0)::int,
            case when n % 1000 = 7 then array[n] end,
            jsonb_build_object('picture', 'https://example.org/' || n || '.jpg', 'n', n, 'place',
                               case when n % 5000 = 1 then 'lighthouse at night' else 'harbour by day' end),
            '2025-01-01'::timestamptz + n * interval '1 minute'
       from generate_series(1, $2::int) n`,
    [projectId, tasks],
  )
  await client.query(
    `insert into task_sched (task_id, project_id, n_answers, n_runs, n_taken, open, done_by)
     select id, project_id, 1, (state = 'completed')::int, (state = 'completed')::int, state = 'ongoing',
            case when state = 'completed' then id end
       from task where project_id = $1 on conflict do nothing`,
    [projectId],
  )
  await client.query(
    `insert into contributor (kind, project_id, external_uid)
     select 'external', $1, 'c' || n from generate_series(1, $2::int) n`,
    [projectId, people],
  )
  await client.query(`insert into contributor (kind, user_id) values ('user', $1) on conflict do nothing`, [
    person,
  ])
  // What lists of one person's runs touch grows with these.
  await client.query(
    `insert into task_run (project_id, task_id, contributor_id, created, finish_time, info, counted)
     select $1, t.id, case when t.id % ($3::int / 200) = 0 and n = 1
                           then (select id from contributor where user_id = $2)
                           else c.first + (t.id + n - 1) % $5::int end, t.created, t.created, '{"answer": "Yes"}', true
       from task t, (select min(id) as first from contributor where project_id = $1) c, generate_series(1, $4::int) n
      where t.project_id = $1 and t.state = 'completed' order by t.id, n`,
    [projectId, person, tasks, runs, people],
  )
  await client.query(
    `insert into activity (project_id, hour, contributor_id, n_runs)
     select project_id, date_trunc('hour', finish_time), contributor_id, count(*) from task_run where project_id = $1
      group by 1, 2, 3`,
    [projectId],
  )
  await client.query(
    `insert into project_counted (project_id, counted_until) values ($1, now())
     on conflict (project_id) do update set counted_until = excluded.counted_until`,
    [projectId],
  )
  await client.query(
    `insert into contributor_project (contributor_id, project_id, n_runs)
     select contributor_id, project_id, count(*) from task_run where project_id = $1 group by 1, 2`,
    [projectId],
  )
  await client.query(
    `insert into lease (contributor_id, project_id, task_id, expires, holds_place)
     select c.first + n, $1, t.id, now() + interval '1 day', false
       from task t, (select min(id) as first from contributor where project_id = $1) c, generate_series(0, 19) n
      where t.project_id = $1 and t.state = 'ongoing'`,
    [projectId],
  )
  await client.query(
    `insert into outbox (job, payload, enqueued, attempts, done)
     select 'leaderboard', '{}', now(), 1, now() from generate_series(1, $1::int)`,
    [tasks],
  )
  await client.query(
    `insert into result (project_id, task_id, task_run_ids, created)
     select project_id, task_id, array_agg(id), max(finish_time) from task_run where project_id = $1
      group by project_id, task_id order by task_id`,
    [projectId],
  )
}
