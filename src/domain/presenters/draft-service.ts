import { AppError, InvalidError } from '../../lib/errors.ts'
import type { FieldErrors } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import {
  deleteDraft,
  findDraft as findStoredDraft,
  findDraftById,
  insertDraft,
  updateDraft,
} from './draft-repository.ts'
import type { DraftKey, DraftText, PresenterDraft } from './draft-repository.ts'
import { addPresenterVersion } from './presenter-service.ts'
import type { CodePresenter, PresenterVersion } from './presenter-service.ts'
import { findPresenterVersion } from './presenter-repository.ts'
import { lockCurrentVersionId } from './version-repository.ts'

export type { DraftText, PresenterDraft } from './draft-repository.ts'

/** Room for a presenter with its libraries pasted in. */
export const CODE_CHARS_MAX = 2_000_000
const TUTORIAL_CHARS_MAX = 200_000
const NOTE_CHARS_MAX = 200

const number = new Intl.NumberFormat('en')

/** Where a text began: what its window saw last. */
export interface DraftOrigin {
  /** Of the stored draft; 0 when there was none. */
  revision: number
  /** The version that the text began from; null when there was none. */
  baseVersionId: number | null
}

/** @throws UnauthenticatedError or ForbiddenError for others than owners. */
export async function findDraft(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
): Promise<PresenterDraft | undefined> {
  const key = keyOf(viewer, project)
  // Two windows of one person may have different positions: only the primary knows which revision is the last.
  return db.readPrimary((primary) => findStoredDraft(primary, key))
}

/** A draft that a ticket names: who may see it was asked when the ticket was made. */
export async function getDraftForFrame(db: RequestDb, id: number): Promise<PresenterDraft | undefined> {
  return db.readPrimary((primary) => findDraftById(primary, id))
}

function keyOf(viewer: MaybeViewer, project: Project): DraftKey {
  return { projectId: project.id, userId: mustEdit(viewer, project).id }
}

export interface SavedDraft {
  /** Whether the text is stored. It is not when another window changed, published or discarded the draft meanwhile. */
  isSaved: boolean
  /** What is stored now; undefined when there is no draft. */
  draft: PresenterDraft | undefined
}

/**
 * Keeps what an owner wrote so far, unless another window wrote something else meanwhile: nothing is overwritten that
 * its author has not seen.
 *
 * @throws InvalidError for more than can be stored.
 */
export async function saveDraft(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  written: DraftText,
  from: DraftOrigin,
): Promise<SavedDraft> {
  const key = keyOf(viewer, project)
  const text = checkedText(written)
  return db.write(async (tx) => {
    const baseVersionId = await ownVersionId(tx, project, from.baseVersionId)
    const draft =
      from.revision === 0
        ? await insertDraft(tx, key, text, baseVersionId)
        : await updateDraft(tx, key, text, { revision: from.revision, baseVersionId })
    if (draft) return { isSaved: true, draft }
    const stored = await findStoredDraft(tx, key)
    // The same text once more: its first answer was lost on the way.
    return { isSaved: stored !== undefined && isSameText(stored, text), draft: stored }
  })
}

/** @throws AppError conflict when another window changed the draft meanwhile. */
export async function discardDraft(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  revision: number,
): Promise<void> {
  const key = keyOf(viewer, project)
  await db.write(async (tx) => {
    const stored = await findStoredDraft(tx, key)
    if (stored && stored.revision !== revision) throw changedElsewhere(stored)
    await deleteDraft(tx, key)
  })
}

/**
 * Begins a draft with code from elsewhere, such as that of a template.
 *
 * @throws AppError conflict when this person has a draft with another text.
 */
export async function startDraft(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  text: DraftText,
): Promise<void> {
  const from = { revision: 0, baseVersionId: project.presenterVersionId }
  const { isSaved } = await saveDraft(db, viewer, project, text, from)
  if (isSaved) return
  throw new AppError('conflict', 'You have a draft of code already. Publish or discard it first.')
}

/**
 * Makes a text the version that contributors see, and ends the draft it was.
 *
 * @throws InvalidError when there is no code, too much of it, or nothing has changed.
 * @throws AppError conflict when the presenter or the draft was changed elsewhere since the text began.
 */
export async function publishDraft(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  written: DraftText & { note: string },
  from: DraftOrigin,
): Promise<PresenterVersion> {
  const key = keyOf(viewer, project)
  const text = checkedText(written)
  const note = checkedNote(written.note)
  if (text.code.trim() === '') throw refused({ code: 'There is no code to publish yet.' })
  return db.write(async (tx) => {
    const currentId = await lockCurrentVersionId(tx, project.id)
    if (currentId !== from.baseVersionId) throw replacedMeanwhile(currentId)
    const draft = await findStoredDraft(tx, key)
    if (draft && draft.revision !== from.revision && !isSameText(draft, text)) throw changedElsewhere(draft)
    const presenter: CodePresenter = { kind: 'code', code: text.code, tutorial: text.tutorial || null }
    await refuseUnchanged(tx, currentId, presenter)
    await deleteDraft(tx, key)
    const by = { userId: key.userId, caller: 'web', note } as const
    return addPresenterVersion(tx, { id: project.id, presenterVersionId: currentId }, presenter, by)
  })
}

async function refuseUnchanged(db: Db, currentId: number | null, presenter: CodePresenter): Promise<void> {
  const current = currentId === null ? undefined : await findPresenterVersion(db, currentId)
  if (current?.code === presenter.code && current.tutorial === presenter.tutorial)
    throw refused({ code: 'This is what people see already: nothing has changed.' })
}

/** A draft begins from a version of its own project or from none, whatever the form says. */
async function ownVersionId(tx: Tx, project: Project, id: number | null): Promise<number | null> {
  const version = id === null ? undefined : await findPresenterVersion(tx, id)
  return version?.projectId === project.id ? version.id : null
}

/** Browsers send the line ends of forms as CR LF; editors count them as one. */
function checkedText({ code, tutorial }: DraftText): DraftText {
  const text = { code: code.replace(/\r\n?/g, '\n'), tutorial: tutorial.replace(/\r\n?/g, '\n') }
  const problems: FieldErrors = {}
  if (text.code.length > CODE_CHARS_MAX) problems['code'] = tooLong('The code', text.code, CODE_CHARS_MAX)
  if (text.tutorial.length > TUTORIAL_CHARS_MAX)
    problems['tutorial'] = tooLong('The tutorial', text.tutorial, TUTORIAL_CHARS_MAX)
  if (Object.keys(problems).length > 0) throw refused(problems)
  return { code: text.code, tutorial: text.tutorial.trim() === '' ? '' : text.tutorial }
}

function checkedNote(written: string): string | null {
  const note = written.trim()
  if (note.length > NOTE_CHARS_MAX)
    throw refused({ note: `A note has at most ${NOTE_CHARS_MAX} characters.` })
  return note || null
}

function tooLong(what: string, text: string, max: number): string {
  return `${what} has ${number.format(text.length)} characters: ${number.format(max)} are the most. Load libraries from a file instead of pasting them in.`
}

function isSameText(one: DraftText, other: DraftText): boolean {
  return one.code === other.code && one.tutorial === other.tutorial
}

function refused(fields: FieldErrors): InvalidError {
  return new InvalidError(Object.values(fields).join(' '), fields)
}

function changedElsewhere({ updated }: PresenterDraft): AppError {
  return new AppError(
    'conflict',
    `This draft was changed in another window at ${updated.slice(11, 16)} UTC. Your text stands here as you wrote it: compare the two, then press again to keep yours.`,
  )
}

function replacedMeanwhile(currentId: number | null): AppError {
  return new AppError(
    'conflict',
    `Version ${currentId ?? 0} was published since your text began. Compare the two, then publish again to replace it.`,
  )
}
