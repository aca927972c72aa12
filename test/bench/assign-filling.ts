import type { Pool } from 'pg'

/** Task runs that one contributor of a filled project has given before. */
export const EARLIER_RUNS = 20_000
export const REDUNDANCY = 30

/** So many rows go into one statement. */
const BATCH = 500_000
/** Who gave the task runs of completed tasks, and who is in the middle of a project. */
const CROWD = 1_000
const WALKERS = 50

export interface FilledProject {
  readonly id: number
  readonly firstTask: number
  readonly tasks: number
  /** Contributors with a few task runs, each with a cursor of their own. */
  readonly walkers: readonly number[]
  /** The contributor with EARLIER_RUNS; undefined where a project has too few tasks. */
  readonly busy: number | undefined
}

/** Gives a project tasks, of which the first `completed` are. */
export async function fillTasks(
  database: Pool,
  projectId: number,
  { tasks, completed = 0 }: { tasks: number; completed?: number },
): Promise<number> {
  for (let from = 1; from <= tasks; from += BATCH) {
    await database.query(
      `with made as (
         insert into task (project_id, n_answers, state, info)
         select $1, case when n <= $2 then 1 else $3 end, case when n <= $2 then 'completed' else 'ongoing' end,
                jsonb_build_object('picture', 'https://pictures.example.org/' || n || '.jpg', 'n', n)
           from generate_series($4::int, $5::int) n returning id, n_answers, state = 'completed' as done)
       insert into task_sched (task_id, project_id, n_answers, n_runs, n_taken, done_by, open)
       select id, $1, n_answers, done::int, done::int, case when done then id end, not done from made`,
      [projectId, completed, REDUNDANCY, from, Math.min(tasks, from + BATCH - 1)],
    )
  }
  const { rows } = await database.query<{ first: number }>(
    'select min(task_id)::bigint as first from task_sched where project_id = $1',
    [projectId],
  )
  return Number(rows[0]?.first)
}

/** A project with people in the middle of it: at its begin, or with 99 % of its tasks completed. */
export async function fillProject(
  database: Pool,
  name: string,
  { tasks, isEnding }: { tasks: number; isEnding: boolean },
): Promise<FilledProject> {
  const [id = 0] = await copyProjects(database, name, 1)
  const completed = isEnding ? Math.floor(tasks * 0.99) : 0
  const firstTask = await fillTasks(database, id, { tasks, completed })
  const people = await addContributors(database, id, CROWD)
  if (completed > 0)
    await database.query(
      `insert into task_run (project_id, task_id, contributor_id, created, info, counted)
       select $1, t, $2 + t % $3, now(), '{"answer": "Yes"}', true from generate_series($4::bigint, $5::bigint) t`,
      [id, people, CROWD, firstTask, firstTask + completed - 1],
    )
  const walkers = Array.from({ length: WALKERS }, (_, n) => people + n)
  await walk(database, id, walkers, {
    from: firstTask + completed,
    to: firstTask + tasks - 1,
    runs: isEnding ? 0 : 10,
  })
  const busy = tasks > EARLIER_RUNS ? await addContributors(database, id, 1) : undefined
  if (busy !== undefined) await keepBusy(database, id, busy, { firstTask, isEnding })
  return { id, firstTask, tasks, walkers, busy }
}

/** Unpublished projects like the first one of the database; their ids. */
export async function copyProjects(database: Pool, name: string, count: number): Promise<number[]> {
  const { rows } = await database.query<{ id: number }>(
    `insert into project (name, short_name, description, owner_id, category_id, secret_key_sealed)
     select $1 || '-' || n, $1 || '-' || n, 'For the bench.', p.owner_id, p.category_id, p.secret_key_sealed
       from generate_series(1, $2::int) n, (select * from project order by id limit 1) p returning id::int`,
    [name, count],
  )
  return rows.map(({ id }) => id)
}

async function addContributors(database: Pool, projectId: number, count: number): Promise<number> {
  const { rows } = await database.query<{ first: number }>(
    `with made as (insert into contributor (kind, project_id, external_uid)
       select 'external', $1, gen_random_uuid()::text from generate_series(1, $2::int) returning id)
     select min(id)::int as first from made`,
    [projectId, count],
  )
  return rows[0]?.first ?? 0
}

/** Puts each walker's cursor on some task of a range, with task runs of the tasks up to it. */
async function walk(
  database: Pool,
  projectId: number,
  walkers: readonly number[],
  { from, to, runs }: { from: number; to: number; runs: number },
): Promise<void> {
  await database.query(
    `insert into contributor_project (contributor_id, project_id, n_runs, cur_nprio, cur_ord, cur_task, cur_from_front)
     select c, $1, $2::int, 0, 0, $3::bigint + $2::int + floor(random() * ($4::bigint - $3 - $2::int))::bigint, false
       from unnest($5::bigint[]) c`,
    [projectId, runs, from - 1, to, walkers],
  )
  if (runs === 0) return
  await database.query(
    `with made as (
       insert into task_run (project_id, task_id, contributor_id, created, info, counted)
       select $1, cur_task - n, contributor_id, now(), '{"answer": "Yes"}', true
         from contributor_project, generate_series(0, $2 - 1) n
        where project_id = $1 and contributor_id = any ($3) returning task_id),
     counts as (select task_id, count(*)::int as n from made group by task_id)
     update task_sched s set n_runs = n_runs + n, n_taken = n_taken + n, open = n_taken + n < n_answers
       from counts where s.task_id = counts.task_id`,
    [projectId, runs, walkers],
  )
}

/** The first EARLIER_RUNS tasks have a run of this contributor: tasks that are still open, or long completed. */
async function keepBusy(
  database: Pool,
  projectId: number,
  contributor: number,
  { firstTask, isEnding }: { firstTask: number; isEnding: boolean },
): Promise<void> {
  await database.query(
    `insert into task_run (project_id, task_id, contributor_id, created, info, counted)
     select $1, t, $2, now(), '{"answer": "Yes"}', $3 from generate_series($4::bigint, $5::bigint) t`,
    [projectId, contributor, !isEnding, firstTask, firstTask + EARLIER_RUNS - 1],
  )
  await database.query(
    isEnding
      ? 'update task_sched set n_extra = n_extra + 1 where task_id between $1 and $2'
      : `update task_sched set n_runs = n_runs + 1, n_taken = n_taken + 1, open = n_taken + 1 < n_answers
          where task_id between $1 and $2`,
    [firstTask, firstTask + EARLIER_RUNS - 1],
  )
  await database.query(
    `insert into contributor_project (contributor_id, project_id, n_runs, cur_nprio, cur_ord, cur_task, cur_from_front)
     values ($1, $2, $3, 0, 0, $4, false)`,
    [contributor, projectId, EARLIER_RUNS, firstTask + EARLIER_RUNS - 1],
  )
}
