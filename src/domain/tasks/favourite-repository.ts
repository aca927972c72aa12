import { sql } from 'kysely'
import type { ListSource } from '../../platform/list-store.ts'
import type { Tx } from '../../platform/postgres.ts'
import { taskList } from './task-list-repository.ts'

/** The tasks that a person has marked, as lists of tasks show them. */
export function favouriteList(userId: number): ListSource {
  return { ...taskList, where: `t.fav_user_ids @> array[${userId}]::bigint[]` }
}

/** Marks a task for a person, once. */
export async function insertFavourite(tx: Tx, taskId: number, userId: number): Promise<void> {
  await sql`
    update task set fav_user_ids = array_append(fav_user_ids, ${userId}::bigint)
     where id = ${taskId} and not coalesce(fav_user_ids @> array[${userId}]::bigint[], false)`.execute(tx)
}

/** Takes the mark back: false when there was none. */
export async function deleteFavourite(tx: Tx, taskId: number, userId: number): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update task set fav_user_ids = array_remove(fav_user_ids, ${userId}::bigint)
     where id = ${taskId} and fav_user_ids @> array[${userId}]::bigint[]`.execute(tx)
  return numAffectedRows === 1n
}
