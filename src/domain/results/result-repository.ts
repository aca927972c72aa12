import type { Tx } from '../../platform/postgres.ts'
import type { Json } from '../../platform/schema.ts'

/** Writes what a result holds besides its task runs; null is nothing. */
export async function updateResultInfo(tx: Tx, id: number, info: Json): Promise<void> {
  await tx
    .updateTable('result')
    .set({ info: info === null ? null : JSON.stringify(info) })
    .where('id', '=', id)
    .execute()
}
