import { NotFoundError } from '../../lib/errors.ts'
import type { ImageClassificationSettings } from '../../lib/presenter-settings.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import {
  findCurrentVersion,
  findPresenterVersion,
  insertPresenterVersion,
  setCurrentVersion,
} from './presenter-repository.ts'
import type { PresenterVersion as StoredVersion } from './presenter-repository.ts'
import type { TemplatePresenter } from './templates.ts'

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
  createdBy: number | null
  created: string
}

export interface PresenterChange {
  projectId: number
  /** Who made it; undefined for the demo project. */
  userId: number | undefined
  presenter: Presenter
}

/**
 * Adds a version and makes it the one that contributors see from now on. The caller has checked that this person may
 * edit the project.
 */
export function savePresenter(db: RequestDb, change: PresenterChange): Promise<PresenterVersion> {
  return db.write((tx) => addPresenterVersion(tx, change))
}

/** `savePresenter` within a transaction that changes more of the project. */
export async function addPresenterVersion(tx: Tx, change: PresenterChange): Promise<PresenterVersion> {
  const { presenter, projectId, userId } = change
  const stored = await insertPresenterVersion(tx, {
    projectId,
    kind: presenter.kind,
    template: presenter.kind === 'template' ? presenter.template : null,
    settings: presenter.kind === 'template' ? { ...presenter.settings } : null,
    code: presenter.kind === 'code' ? presenter.code : null,
    tutorial: presenter.tutorial,
    createdBy: userId ?? null,
  })
  await setCurrentVersion(tx, projectId, stored.id)
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

function versionOf(stored: StoredVersion): PresenterVersion {
  const { id, projectId, createdBy, created, tutorial, template, settings, code } = stored
  const version = { id, projectId, createdBy, created, tutorial }
  return template === null
    ? { ...version, kind: 'code', code: code ?? '' }
    : // Checked when it was saved, and never changed since.
      { ...version, kind: 'template', template, settings: settings as unknown as ImageClassificationSettings }
}
