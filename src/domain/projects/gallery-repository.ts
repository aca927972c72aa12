import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'
import { selectProjects } from './project-repository.ts'
import type { Project } from './project-repository.ts'

const total = (expression: string) =>
  sql.raw(`(select ${expression} from project_total t where t.project_id = project.id)`)

/** What a gallery may be ordered by, under PyBossa's names. */
const ORDERS = {
  id: sql`id`,
  name: sql`lower(name)`,
  short_name: sql`short_name`,
  created: sql`created`,
  updated: sql`updated`,
  n_tasks: total('n_tasks'),
  n_volunteers: total('n_contributors'),
  n_task_runs: total('n_task_runs'),
  n_completed_tasks: total('n_completed_tasks'),
  overall_progress: total('n_task_runs::float8 / nullif(n_wanted, 0)'),
  last_activity: total('last_activity'),
} as const
export type GalleryOrder = keyof typeof ORDERS

export const GALLERY_ORDERS = Object.keys(ORDERS).filter((text): text is GalleryOrder => text in ORDERS)

/** Which published projects: those of a category, those that are featured, those whose name holds a text. */
export interface GalleryFilter {
  readonly categoryId?: number | undefined
  readonly isFeatured?: boolean | undefined
  readonly named?: string | undefined
}

export interface GalleryPage {
  readonly limit: number
  readonly offset: number
  /** Else what needs hands comes first, the liveliest before the others. */
  readonly orderBy?: GalleryOrder | undefined
  readonly desc?: boolean | undefined
}

function filtered(db: Db, { categoryId, isFeatured, named }: GalleryFilter) {
  let query = selectProjects(db).where('published', '=', true)
  if (categoryId !== undefined) query = query.where('category_id', '=', categoryId)
  if (isFeatured) query = query.where('featured', '=', true)
  if (named) query = query.where(sql<boolean>`strpos(lower(name || ' ' || short_name), lower(${named})) > 0`)
  return query
}

/** One page of published projects. */
export async function listGallery(db: Db, filter: GalleryFilter, page: GalleryPage): Promise<Project[]> {
  const { limit, offset, orderBy, desc = false } = page
  const ordered = orderBy
    ? filtered(db, filter).orderBy(ORDERS[orderBy], (order) =>
        (desc ? order.desc() : order.asc()).nullsLast(),
      )
    : filtered(db, filter)
        .orderBy(total('n_completed_tasks < n_tasks'), (order) => order.desc().nullsLast())
        .orderBy(total('last_activity'), (order) => order.desc().nullsLast())
  return ordered.orderBy('id', 'desc').limit(limit).offset(offset).execute()
}

/** How many published projects there are of these. */
export async function countGallery(db: Db, filter: GalleryFilter): Promise<number> {
  const { n } = await filtered(db, filter)
    .clearSelect()
    .select((select) => select.fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  return n
}
