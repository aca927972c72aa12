import { NotFoundError, UnauthenticatedError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import { byId, listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { auditList } from './audit-list-repository.ts'

/** A page of changes by their attributes, as records of the list's fields: of projects that this person owns. */
export async function listAuditRecords(
  db: RequestDb,
  viewer: MaybeViewer,
  query: ListQuery,
): Promise<Record<string, unknown>[]> {
  if (!viewer) throw new UnauthenticatedError('Only owners of a project see what was changed of it.')
  return db.read((reader) => listRows(reader, auditList, query))
}

/** One change. @throws NotFoundError also for one of a project that this person does not own. */
export async function getAuditRecord(
  db: RequestDb,
  viewer: MaybeViewer,
  id: number,
): Promise<Record<string, unknown>> {
  const query = byId(id, viewer?.isAdmin ? 'everything' : viewer?.id)
  const [record] = await listAuditRecords(db, viewer, query)
  if (!record) throw new NotFoundError('change', id)
  return record
}
