import type { Db } from '../../platform/postgres.ts'
import { tableOf } from '../../platform/row-store.ts'

export const categoryTable = tableOf('category', {
  id: ['id', 'integer'],
  name: ['name', 'text'],
  shortName: ['short_name', 'text'],
  description: ['description', 'text'],
  created: ['created', 'time'],
  info: ['info', 'json'],
})

/** Whether a project without a category of its choice would still find one without this one. */
export async function isOnlyCategory(db: Db, id: number): Promise<boolean> {
  const other = await db.selectFrom('category').select('id').where('id', '!=', id).limit(1).executeTakeFirst()
  return other === undefined
}
