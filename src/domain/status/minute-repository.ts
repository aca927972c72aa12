import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Component, ReckonedDay, SeenDay } from './availability.ts'

/** What one process saw of a component in a minute. */
export interface SeenMinute {
  /** Its begin, as ISO time. */
  minute: string
  component: Component
  nGood: number
  nBad: number
}

/** A minute is bad when more than one of a hundred requests failed in it. */
const isBad = sql`n_bad * 100 > n_good + n_bad`

/** What nobody may have written yet, because its minute is not over or the processes wait with it. */
const isSettled = sql`minute < date_trunc('minute', now()) - interval '1 minute'`

const day = sql`(minute at time zone 'UTC')::date`

/** Adds what a process saw to what others saw in the same minutes: one statement. */
export async function addMinutes(db: Db, minutes: readonly SeenMinute[]): Promise<void> {
  await sql`
    insert into status_minute as m (minute, component, n_good, n_bad)
    select * from unnest(${minutes.map(({ minute }) => minute)}::timestamptz[],
                         ${minutes.map(({ component }) => component)}::text[],
                         ${minutes.map(({ nGood }) => nGood)}::int[], ${minutes.map(({ nBad }) => nBad)}::int[])
    on conflict (minute, component) do update
      set n_good = m.n_good + excluded.n_good, n_bad = m.n_bad + excluded.n_bad`.execute(db)
}

/** The days whose minutes are still there, one by one. */
export async function listSeenDays(db: Db): Promise<SeenDay[]> {
  const { rows } = await sql<SeenDay>`
    select component, to_char(${day}, 'YYYY-MM-DD') as day, min(minute) as first, count(*)::int as "nSeen",
           count(*) filter (where ${isBad})::int as "nBad"
      from status_minute where ${isSettled} group by component, ${day} order by 2, 1`.execute(db)
  return rows
}

/** Days that are over. */
export async function listReckonedDays(db: Db, days: number): Promise<ReckonedDay[]> {
  const { rows } = await sql<ReckonedDay>`
    select component, to_char(day, 'YYYY-MM-DD') as day, n_minutes as "nMinutes", n_bad as "nBad"
      from status_day where day >= (now() at time zone 'UTC')::date - ${days}::int order by 2, 1`.execute(db)
  return rows
}

/** Of the last minutes that are settled, how many were seen and how many were bad. */
export async function listLatest(
  db: Db,
  minutes: number,
): Promise<{ component: Component; nSeen: number; nBad: number }[]> {
  const { rows } = await sql<{ component: Component; nSeen: number; nBad: number }>`
    select component, count(*)::int as "nSeen", count(*) filter (where ${isBad})::int as "nBad"
      from status_minute
     where ${isSettled} and minute >= date_trunc('minute', now()) - make_interval(mins => ${minutes + 1})
     group by component`.execute(db)
  return rows
}

/** Puts days that are over in the place of their minutes, and forgets those before `keptDays`. */
export async function replaceMinutes(tx: Tx, days: readonly ReckonedDay[], keptDays: number): Promise<void> {
  for (const { component, day: text, nMinutes, nBad } of days) {
    await sql`
      insert into status_day (day, component, n_minutes, n_bad)
      values (${text}::date, ${component}, ${nMinutes}, ${nBad}) on conflict do nothing`.execute(tx)
    await sql`delete from status_minute where component = ${component} and ${day} = ${text}::date`.execute(tx)
  }
  await sql`delete from status_day where day < (now() at time zone 'UTC')::date - ${keptDays}::int`.execute(
    tx,
  )
}

/**
 * For how many seconds no task run has come, trials of drafts aside; undefined when none ever did. Each project's newest one
 * is looked for by index: however many a draft has, none of them is walked past.
 */
export async function sinceTaskRun(db: Db): Promise<number | undefined> {
  const { rows } = await sql<{ seconds: number }>`
    select extract(epoch from now() - newest.finish_time)::float8 as seconds
      from project p cross join lateral (
        select id, finish_time from task_run where project_id = p.id order by id desc limit 1) newest
     where p.published order by newest.id desc limit 1`.execute(db)
  return rows[0]?.seconds
}
