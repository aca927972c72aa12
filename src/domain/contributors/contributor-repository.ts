import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'

/** The columns that tell one contributor from another; exactly one way of knowing somebody is filled. */
export interface ContributorColumns {
  kind: 'user' | 'device' | 'external' | 'address'
  userId?: number
  deviceId?: string
  projectId?: number
  externalUid?: string
  addressHash?: Buffer
  madeUpIp?: string
}

/** The id of a contributor, whose row is made on first sight. */
export async function upsertContributor(db: Db, who: ContributorColumns): Promise<number> {
  const { rows } = await sql<{ id: number }>`
    select contributor_v1(${who.kind}, ${who.userId ?? null}::bigint, ${who.deviceId ?? null}::uuid,
      ${who.projectId ?? null}::bigint, ${who.externalUid ?? null}::text, ${who.addressHash ?? null}::bytea,
      ${who.madeUpIp ?? null}::text) as id`.execute(db)
  const [row] = rows
  if (!row) throw new Error('contributor_v1 gave no row')
  return row.id
}

/** The id of a contributor who has been seen before. */
export async function findContributor(db: Db, who: ContributorColumns): Promise<number | undefined> {
  let query = db.selectFrom('contributor').select('id')
  if (who.userId !== undefined) query = query.where('user_id', '=', who.userId)
  else if (who.deviceId !== undefined) query = query.where('device_id', '=', who.deviceId)
  else if (who.externalUid !== undefined && who.projectId !== undefined) {
    query = query.where('project_id', '=', who.projectId).where('external_uid', '=', who.externalUid)
  } else if (who.addressHash !== undefined) query = query.where('address_hash', '=', who.addressHash)
  else return undefined
  return (await query.executeTakeFirst())?.id
}

/** Everybody whom other sites know by this id, each within a project of theirs. */
export async function listExternalContributors(db: Db, externalUid: string): Promise<number[]> {
  const rows = await db
    .selectFrom('contributor')
    .select('id')
    .where('external_uid', '=', externalUid)
    .execute()
  return rows.map(({ id }) => id)
}

/** How many of a project's tasks a contributor has skipped that are still to be answered. */
export async function countSkipped(db: Db, projectId: number, contributorId: number): Promise<number> {
  const { n } = await db
    .selectFrom('lease')
    .innerJoin('task_sched', 'task_sched.task_id', 'lease.task_id')
    .select((select) => select.fn.countAll<number>().as('n'))
    .where('lease.contributor_id', '=', contributorId)
    .where('lease.project_id', '=', projectId)
    .where('lease.skipped', '=', true)
    .where('task_sched.done_by', 'is', null)
    .executeTakeFirstOrThrow()
  return n
}
