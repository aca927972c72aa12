import { NotFoundError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { addPresenterVersion, getPresenter } from './presenter-service.ts'
import type { PresenterVersion } from './presenter-service.ts'
import { listVersionsOf, lockCurrentVersionId } from './version-repository.ts'
import type { ListedVersion } from './version-repository.ts'

/** @throws UnauthenticatedError or ForbiddenError for others than owners. */
export async function listVersions(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  page: { beforeId: number | undefined; limit: number },
): Promise<ListedVersion[]> {
  mustEdit(viewer, project)
  return db.read((reader) => listVersionsOf(reader, project.id, page))
}

/** A version of this project. @throws NotFoundError; UnauthenticatedError or ForbiddenError for others than owners. */
export async function getVersion(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  id: number,
): Promise<PresenterVersion> {
  mustEdit(viewer, project)
  const version = await getPresenter(db, id)
  if (version.projectId !== project.id) throw new NotFoundError('presenter version', id)
  return version
}

/** Adds a version that is as an earlier one was; contributors see it from now on. */
export async function restoreVersion(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  id: number,
): Promise<PresenterVersion> {
  const { id: userId } = mustEdit(viewer, project)
  const version = await getVersion(db, viewer, project, id)
  return db.write(async (tx) => {
    const presenterVersionId = await lockCurrentVersionId(tx, project.id)
    const by = { userId, caller: 'web', note: `As version ${id}` } as const
    return addPresenterVersion(tx, { id: project.id, presenterVersionId }, version, by)
  })
}

/** A part of a version that is compared line by line. */
export interface VersionText {
  part: 'presenter' | 'tutorial'
  text: string
}

/** What of a version can be read and compared: code as it stands, a template's settings as JSON. */
export function textsOf(version: PresenterVersion): VersionText[] {
  const presenter =
    version.kind === 'code'
      ? version.code
      : JSON.stringify({ template: version.template, settings: version.settings }, null, 2)
  return [
    { part: 'presenter', text: presenter },
    { part: 'tutorial', text: version.tutorial ?? '' },
  ]
}
