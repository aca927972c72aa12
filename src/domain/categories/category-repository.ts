import { sql } from 'kysely'
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

/** What remembered lists of categories are made of. */
export const CATEGORIES = 'categories'

/** A category, and how many published projects are in it. */
export interface CountedCategory {
  id: number
  name: string
  shortName: string
  description: string
  nPublished: number
  /** Drafts among them. */
  nProjects: number
}

/** All categories, by name. */
export async function listCounted(db: Db): Promise<CountedCategory[]> {
  const { rows } = await sql<CountedCategory>`
    select c.id, c.name, c.short_name as "shortName", c.description,
           count(p.id) filter (where p.published) as "nPublished", count(p.id) as "nProjects"
      from category c left join project p on p.category_id = c.id
     group by c.id order by lower(c.name)`.execute(db)
  return rows
}

/** Whether a project without a category of its choice would still find one without this one. */
export async function isOnlyCategory(db: Db, id: number): Promise<boolean> {
  const other = await db.selectFrom('category').select('id').where('id', '!=', id).limit(1).executeTakeFirst()
  return other === undefined
}
