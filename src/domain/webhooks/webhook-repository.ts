import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Json } from '../../platform/schema.ts'

/** What a project's webhook was told, or is to be told, of one task. */
export interface WebhookDelivery {
  id: number
  projectId: number
  taskId: number
  payload: Json
  created: string
  updated: string
  response: string | null
  responseStatusCode: number | null
  delivered: string | null
  givenUp: string | null
}

const COLUMNS = [
  'id',
  'project_id as projectId',
  'task_id as taskId',
  'payload',
  'created',
  'updated',
  'response',
  'response_status_code as responseStatusCode',
  'delivered',
  'given_up as givenUp',
] as const

/** The result that stands for a task now. */
export async function findLastResult(db: Db, projectId: number, taskId: number): Promise<number | undefined> {
  const row = await db
    .selectFrom('result')
    .select('id')
    .where('project_id', '=', projectId)
    .where('task_id', '=', taskId)
    .where('last_version', '=', true)
    .executeTakeFirst()
  return row?.id
}

export async function insertDelivery(
  tx: Tx,
  delivery: { projectId: number; taskId: number; payload: object },
): Promise<number> {
  const { id } = await tx
    .insertInto('webhook_delivery')
    .values({
      project_id: delivery.projectId,
      task_id: delivery.taskId,
      payload: JSON.stringify(delivery.payload),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function findDelivery(db: Db, id: number): Promise<WebhookDelivery | undefined> {
  return db.selectFrom('webhook_delivery').select(COLUMNS).where('id', '=', id).executeTakeFirst()
}

/** A project's deliveries, newest first. */
export async function listDeliveries(db: Db, projectId: number, limit: number): Promise<WebhookDelivery[]> {
  return db
    .selectFrom('webhook_delivery')
    .select(COLUMNS)
    .where('project_id', '=', projectId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** What came of an attempt; `delivered` and `givenUp` say that it is over. */
export async function noteAttempt(
  db: Db,
  id: number,
  attempt: {
    status: number | null
    response: string
    outcome: 'delivered' | 'given up' | 'to be tried again'
  },
): Promise<void> {
  const { status, response, outcome } = attempt
  await db
    .updateTable('webhook_delivery')
    .set({
      updated: sql`now()`,
      response,
      response_status_code: status,
      delivered: outcome === 'delivered' ? sql`now()` : null,
      given_up: outcome === 'given up' ? sql`now()` : null,
    })
    .where('id', '=', id)
    .execute()
}

/** Opens deliveries again, oldest first; which. */
export async function reopenDeliveries(
  tx: Tx,
  projectId: number,
  which: { id: number } | 'failed',
  limit: number,
): Promise<number[]> {
  const rows = await tx
    .updateTable('webhook_delivery')
    .set({ delivered: null, given_up: null })
    .where('id', 'in', (eb) => {
      const own = eb.selectFrom('webhook_delivery').select('id').where('project_id', '=', projectId)
      const chosen =
        which === 'failed' ? own.where('given_up', 'is not', null) : own.where('id', '=', which.id)
      return chosen.orderBy('id').limit(limit)
    })
    .returning('id')
    .execute()
  return rows.map(({ id }) => id)
}

/** Completed tasks that the webhook was never told of, oldest first. */
export async function listUntold(
  db: Db,
  projectId: number,
  limit: number,
): Promise<{ taskId: number; resultId: number }[]> {
  const { rows } = await sql<{ taskId: number; resultId: number }>`
    select r.task_id as "taskId", r.id as "resultId" from result r
     where r.project_id = ${projectId} and r.last_version
       and not exists (select from webhook_delivery d where d.project_id = ${projectId} and d.task_id = r.task_id)
     order by r.id limit ${limit}`.execute(db)
  return rows
}

/** Whom to tell about a project's webhook. */
export async function findProjectOwner(
  db: Db,
  projectId: number,
): Promise<{ owner: { id: number; email: string }; projectName: string; shortName: string } | undefined> {
  const found = await db
    .selectFrom('project as p')
    .innerJoin('user_account as u', 'u.id', 'p.owner_id')
    .select(['u.id', 'u.email', 'p.name as projectName', 'p.short_name as shortName'])
    .where('p.id', '=', projectId)
    .executeTakeFirst()
  if (!found) return undefined
  const { id, email, ...project } = found
  return { owner: { id, email }, ...project }
}

/** Notes that a project's owner gets a mail about a delivery; false when there was one within the last hours. */
export async function claimMail(tx: Tx, { id, projectId }: WebhookDelivery, hours: number): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('webhook_delivery')
    .set({ mailed: sql`now()` })
    .where('id', '=', id)
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('webhook_delivery as other')
            .select('other.id')
            .where('other.project_id', '=', projectId)
            .where('other.mailed', '>', sql<string>`now() - make_interval(hours => ${hours})`),
        ),
      ),
    )
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
