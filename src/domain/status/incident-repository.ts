import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Component } from './availability.ts'

export interface Incident {
  id: number
  title: string
  components: Component[]
  began: string
  ended: string | null
  /** Oldest first. */
  notes: { body: string; created: string }[]
}

/** Those of the last days and those that are not over, latest first. */
export async function listIncidents(
  db: Db,
  { days, limit }: { days: number; limit: number },
): Promise<Incident[]> {
  const { rows } = await sql<Incident>`
    select i.id, i.title, i.components, i.began, i.ended,
           coalesce((select jsonb_agg(jsonb_build_object('body', n.body, 'created', n.created) order by n.id)
                       from incident_note n where n.incident_id = i.id), '[]') as notes
      from incident i
     where i.ended is null or i.began > now() - make_interval(days => ${days})
     order by i.began desc, i.id desc limit ${limit}`.execute(db)
  return rows
}

export async function insertIncident(
  tx: Tx,
  { title, components }: { title: string; components: readonly Component[] },
): Promise<number> {
  const { id } = await tx
    .insertInto('incident')
    .values({ title, components: [...components] })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function insertNote(
  tx: Tx,
  { incidentId, userId, body }: { incidentId: number; userId: number; body: string },
): Promise<void> {
  await tx.insertInto('incident_note').values({ incident_id: incidentId, user_id: userId, body }).execute()
}

/** Ends an incident now, or lets it go on; false when there is none. */
export async function setEnded(tx: Tx, id: number, isOver: boolean): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('incident')
    .set({ ended: isOver ? sql`coalesce(ended, now())` : null })
    .where('id', '=', id)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
