import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { FieldErrors } from '../../lib/errors.ts'
import type { JsonObject } from '../../lib/bridge.ts'
import { isObject } from '../../lib/bridge.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { changePresenterVersion, mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import {
  findCurrentVersion,
  findPresenterVersion,
  fitsTasks,
  insertPresenterVersion,
  listPresenterVersions,
  listTaskColumns,
} from './presenter-repository.ts'
import type { PresenterVersion as StoredVersion } from './presenter-repository.ts'
import { getTemplate } from './templates.ts'
import type { TemplatePresenter } from './templates.ts'

/** A sentence names so many columns. */
const COLUMNS_NAMED_MAX = 12

/** A presenter that its owner wrote: HTML and script, kept byte for byte. */
export interface CodePresenter {
  kind: 'code'
  code: string
  tutorial: string | null
}

/** What contributors of a project see. */
export type Presenter = TemplatePresenter | CodePresenter

export type PresenterVersion = Presenter & {
  id: number
  projectId: number
  note: string | null
  createdBy: number | null
  created: string
}

/**
 * Adds a version and makes it the one that contributors see from now on.
 *
 * @throws UnauthenticatedError or ForbiddenError for others than owners.
 * @throws InvalidError when there are tasks and none has a column that the template shows.
 */
export async function savePresenter(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  presenter: Presenter,
): Promise<PresenterVersion> {
  const { id: userId } = mustEdit(viewer, project)
  if (presenter.kind === 'template') await refuseUnknownColumns(db, project, presenter)
  return db.write((tx) => addPresenterVersion(tx, project, presenter, { userId, caller: 'web' }))
}

async function refuseUnknownColumns(
  db: RequestDb,
  project: Project,
  { template, settings }: TemplatePresenter,
): Promise<void> {
  const faults: FieldErrors = {}
  for (const { name, kind } of getTemplate(template).fields) {
    const column = kind === 'column' ? settings[name] : undefined
    if (typeof column !== 'string' || column === '') continue
    if (await db.read((reader) => fitsTasks(reader, project.id, column))) continue
    faults[name] = await unknownColumn(db, project, column)
  }
  if (Object.keys(faults).length > 0) throw new InvalidError('Some fields need another look.', faults)
}

async function unknownColumn(db: RequestDb, project: Project, column: string): Promise<string> {
  const columns = await taskColumns(db, project)
  const names = columns.slice(0, COLUMNS_NAMED_MAX).join(', ')
  const more = columns.length > COLUMNS_NAMED_MAX ? ' and others' : ''
  return `No task has a column “${column}”. They have ${names === '' ? 'no columns at all' : names + more}.`
}

/** The columns of a project's tasks, as far as its first ones tell. */
export async function taskColumns(db: RequestDb, project: Project): Promise<string[]> {
  return db.read((reader) => listTaskColumns(reader, project.id))
}

/** `savePresenter` within a transaction that changes more of the project, for somebody who may. */
export async function addPresenterVersion(
  tx: Tx,
  project: Pick<Project, 'id' | 'presenterVersionId'>,
  presenter: Presenter,
  by: { userId: number; caller: 'web' | 'api'; note?: string | null },
): Promise<PresenterVersion> {
  const stored = await insertPresenterVersion(tx, {
    projectId: project.id,
    kind: presenter.kind,
    template: presenter.kind === 'template' ? presenter.template : null,
    settings: presenter.kind === 'template' ? { ...presenter.settings } : null,
    code: presenter.kind === 'code' ? presenter.code : null,
    tutorial: presenter.tutorial,
    note: by.note ?? null,
    createdBy: by.userId,
  })
  const { userId, caller } = by
  await changePresenterVersion(tx, project, { versionId: stored.id, userId, caller })
  return versionOf(stored)
}

/** @throws NotFoundError */
export async function getPresenter(db: RequestDb, versionId: number): Promise<PresenterVersion> {
  // A version never changes, so only one that is not there yet is worth asking the primary for.
  const stored =
    (await db.read((replica) => findPresenterVersion(replica, versionId))) ??
    (await db.readPrimary((primary) => findPresenterVersion(primary, versionId)))
  if (!stored) throw new NotFoundError('presenter version', versionId)
  return versionOf(stored)
}

/** What contributors of a project see now; undefined while its owner has not chosen anything. */
export async function findPresenter(db: RequestDb, projectId: number): Promise<PresenterVersion | undefined> {
  const stored = await db.read((replica) => findCurrentVersion(replica, projectId))
  return stored && versionOf(stored)
}

/** The current presenters of several projects, by project id; projects without one are missing. */
export async function findPresentersOf(
  db: RequestDb,
  projects: readonly Pick<Project, 'presenterVersionId'>[],
): Promise<Map<number, PresenterVersion>> {
  const ids = projects.map((project) => project.presenterVersionId).filter((id) => id !== null)
  const stored = ids.length === 0 ? [] : await db.read((replica) => listPresenterVersions(replica, ids))
  return new Map(stored.map((version) => [version.projectId, versionOf(version)]))
}

function versionOf(stored: StoredVersion): PresenterVersion {
  const { id, projectId, createdBy, created, note, tutorial, template, settings, code } = stored
  const version = { id, projectId, createdBy, created, note, tutorial }
  return template === null
    ? { ...version, kind: 'code', code: code ?? '' }
    : { ...version, kind: 'template', template, settings: settingsOf(settings) }
}

/** As they were stored: older versions of a template may have had other fields, and whoever reads them copes. */
function settingsOf(stored: unknown): JsonObject {
  return isObject(stored) ? stored : {}
}
