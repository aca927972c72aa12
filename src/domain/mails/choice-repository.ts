import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import { NOTICE_KINDS } from './mail-kinds.ts'
import type { NoticeKind } from './mail-kinds.ts'

/** Whether somebody gets a kind of notice: what they chose, else its default. */
export async function isWanted(db: Db, userId: number, kind: NoticeKind): Promise<boolean> {
  const chosen = await db
    .selectFrom('mail_choice')
    .select('wanted')
    .where('user_id', '=', userId)
    .where('kind', '=', kind)
    .executeTakeFirst()
  return chosen?.wanted ?? NOTICE_KINDS[kind].isDefault
}

/** What somebody chose, by kind. */
export async function listChoices(db: Db, userId: number): Promise<Map<string, boolean>> {
  const rows = await db
    .selectFrom('mail_choice')
    .select(['kind', 'wanted'])
    .where('user_id', '=', userId)
    .execute()
  return new Map(rows.map(({ kind, wanted }) => [kind, wanted]))
}

export async function saveChoice(tx: Tx, userId: number, kind: NoticeKind, wanted: boolean): Promise<void> {
  await tx
    .insertInto('mail_choice')
    .values({ user_id: userId, kind, wanted })
    .onConflict((conflict) =>
      conflict.columns(['user_id', 'kind']).doUpdateSet({ wanted, changed: sql`now()` }),
    )
    .execute()
}
