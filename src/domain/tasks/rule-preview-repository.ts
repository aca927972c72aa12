import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { Db } from '../../platform/postgres.ts'
import { amongTasks } from './task-repository.ts'
import type { Reconciled } from './task-repository.ts'

/** What would be wanted of the tasks; what is left out stays as it is. */
export interface PreviewedRules {
  nAnswers?: number
  calibration?: number
  /** 0 closes tasks with the counted runs they have, 1 opens finished ones for one more. */
  moreThanRuns?: 0 | 1
  withdrawnRunIds?: readonly number[]
}

/**
 * What reconcile_v1 would count if tasks had these rules: read from the scheduling rows, whose counters always agree
 * with runs and leases, and nothing is locked.
 *
 * @param tasks those of the withdrawn runs when there are such.
 */
export async function previewRules(
  db: Db,
  projectId: number,
  tasks: readonly number[] | 'all',
  rules: PreviewedRules,
): Promise<Reconciled & { nTasks: number; nWithdrawn: number }> {
  const { nAnswers, calibration, withdrawnRunIds } = rules
  const these =
    withdrawnRunIds === undefined
      ? amongTasks(sql`s.task_id`, tasks)
      : sql`and s.task_id in (select task_id from withdrawn)`
  const { rows } = await sql<Reconciled & { nTasks: number; nWithdrawn: number }>`
    with withdrawn as (
      select task_id, (count(*) filter (where counted))::int as counted, count(*)::int as n from task_run
       where project_id = ${projectId} and id = any (${[...(withdrawnRunIds ?? [])]}::bigint[]) and withdrawn is null
       group by 1),
    ruled as (
      select s.done_by is not null as was_done, s.n_taken - s.n_runs as held,
             s.n_runs - coalesce(w.counted, 0) as counted,
             s.n_extra - coalesce(w.n - w.counted, 0) as extra, coalesce(w.n, 0) as withdrawn,
             ${calibration === undefined ? sql`s.calibrates` : sql`${calibration} <> 0`} as calibrates,
             ${nAnswers === undefined ? wantedBy(rules) : sql`${nAnswers}::int`} as wanted
        from task_sched s left join withdrawn w using (task_id)
       where s.project_id = ${projectId} ${these}),
    kept as (
      select *, case when calibrates then 0
                     else least(counted + extra, wanted, greatest(counted, wanted - held)) end as kept
        from ruled),
    done as (select *, not calibrates and kept >= wanted as is_done from kept)
    select count(*) as "nTasks", coalesce(sum(withdrawn), 0)::int as "nWithdrawn",
           count(*) filter (where is_done and not was_done) as "nClosed",
           count(*) filter (where was_done and not is_done) as "nReopened",
           coalesce(sum(greatest(counted - kept, 0)), 0)::int as "nBecameExtra",
           coalesce(sum(greatest(kept - counted, 0)), 0)::int as "nBecameCounted",
           coalesce(sum(greatest(held - case when calibrates then 0 else wanted - kept end, 0)), 0)::int
             as "nPlacesBack"
      from done`.execute(db)
  const [row] = rows
  if (!row) throw new Error('A preview gave no row')
  return row
}

function wantedBy({ moreThanRuns }: PreviewedRules): RawBuilder<unknown> {
  if (moreThanRuns === undefined) return sql`s.n_answers`
  return sql`case when s.n_runs > 0 and (s.done_by is null) = (${moreThanRuns} = 0)
                  then s.n_runs + ${moreThanRuns} else s.n_answers end`
}
