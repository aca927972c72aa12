import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { byId, listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { projectStatisticsList } from './project-statistics-repository.ts'
import { countSite } from './site-statistics-repository.ts'
import type { SiteStatistics } from './site-statistics-repository.ts'

type StatisticsRecord = Record<string, unknown>

/** A page of projects' figures by their attributes, as records of the list's fields. */
export async function listProjectStatistics(db: RequestDb, query: ListQuery): Promise<StatisticsRecord[]> {
  return db.read((reader) => listRows(reader, projectStatisticsList, query))
}

/** The figures of one project. @throws NotFoundError also for one that this person may not see. */
export async function getProjectStatistics(
  db: RequestDb,
  viewer: MaybeViewer,
  projectId: number,
): Promise<StatisticsRecord> {
  const query = byId(projectId, viewer?.isAdmin ? 'everything' : viewer?.id)
  const [record] = await listProjectStatistics(db, query)
  if (!record) throw new NotFoundError('project', projectId)
  return record
}

/** The figures of projects that the caller may see. */
export async function listStatisticsOf(
  db: RequestDb,
  projectIds: readonly number[],
): Promise<StatisticsRecord[]> {
  const filters = [{ field: 'id', values: projectIds.map(String) }]
  const limit = projectIds.length
  const query = { filters, orderBy: 'id', desc: false, limit, offset: 0, readableBy: 'everything' } as const
  return listProjectStatistics(db, query)
}

/** Counting a large site costs seconds, and nobody minds figures of some minutes ago. */
const SITE = { name: 'site-statistics', version: 1, freshSeconds: 10 * 60, staleSeconds: 3_600 }

/** What the whole site has, ten minutes ago at most while somebody asks; counted once for all who ask. */
export async function getSiteStatistics(app: Pick<App, 'memory'>, db: RequestDb): Promise<SiteStatistics> {
  return app.memory.get(SITE, 'all', () => db.read(countSite))
}
