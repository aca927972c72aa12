import { sql } from 'kysely'
import type { Tx } from '../../platform/postgres.ts'

/** Adds a task's result from its counted task runs. */
export async function insertResultRow(tx: Tx, projectId: number, taskId: number): Promise<void> {
  await sql`
    insert into result (project_id, task_id, task_run_ids)
    select ${projectId}, ${taskId}, coalesce(array_agg(id order by id), '{}')
      from task_run where task_id = ${taskId} and counted and withdrawn is null`.execute(tx)
}

/** The task's current result becomes an older version. */
export async function retireResultRow(tx: Tx, taskId: number): Promise<void> {
  await tx
    .updateTable('result')
    .set({ last_version: false })
    .where('task_id', '=', taskId)
    .where('last_version', '=', true)
    .execute()
}
