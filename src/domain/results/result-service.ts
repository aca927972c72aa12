import { NotFoundError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import { byId, byIds, listRelated, listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import type { Json } from '../../platform/schema.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { resultList } from './result-list-repository.ts'
import { updateResultInfo } from './result-repository.ts'

type ResultRecord = Record<string, unknown>

/** A page of results by their attributes, as records of the list's fields. */
export async function listResultRecords(db: RequestDb, query: ListQuery): Promise<Record<string, unknown>[]> {
  return db.read((reader) => listRows(reader, resultList, query))
}

/** The current results of tasks, as the same records; for callers who may see them. */
export async function listResultsOf(
  db: RequestDb,
  taskIds: readonly number[],
): Promise<Record<string, unknown>[]> {
  const ofTasks = byIds('taskId', taskIds)
  const query = { ...ofTasks, filters: [...ofTasks.filters, { field: 'lastVersion', values: ['true'] }] }
  return db.read((reader) => listRelated(reader, resultList, query))
}

/** Whether any task of a project has a result. */
export async function hasResults(db: RequestDb, { id }: Pick<Project, 'id'>): Promise<boolean> {
  const query = { ...byIds('projectId', [id]), limit: 1 }
  return (await listResultRecords(db, query)).length > 0
}

/** One result, as such a record. @throws NotFoundError also for one that this person may not see. */
export async function getResult(db: RequestDb, viewer: MaybeViewer, id: number): Promise<ResultRecord> {
  const query = byId(id, viewer?.isAdmin ? 'everything' : viewer?.id)
  const [result] = await listResultRecords(db, query)
  if (!result) throw new NotFoundError('result', id)
  return result
}

/** Stores what the analysis of a task's runs found. @throws UnauthenticatedError or ForbiddenError */
export async function updateResult(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  result: ResultRecord,
  info: Json,
): Promise<ResultRecord> {
  mustEdit(viewer, project)
  await db.write((tx) => updateResultInfo(tx, Number(result['id']), info))
  return { ...result, info }
}
