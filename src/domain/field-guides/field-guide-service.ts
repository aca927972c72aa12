import { AppError, InvalidError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { deleteGuide, findGuide, upsertGuide } from './field-guide-repository.ts'
import type { FieldGuide } from './field-guide-repository.ts'

const GUIDE_CHARS_MAX = 100_000

/** The field guide of a project, which everybody may read who may see the project. */
export async function findFieldGuide(db: RequestDb, project: Project): Promise<FieldGuide | undefined> {
  return db.read((reader) => findGuide(reader, project.id))
}

/**
 * Writes a project's field guide; an empty one is none.
 *
 * @param seen when the guide that was edited had been changed last; empty when there was none.
 * @throws UnauthenticatedError or ForbiddenError for others than owners; InvalidError when it is too long.
 * @throws AppError conflict when somebody changed it meanwhile.
 */
export async function saveFieldGuide(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  written: string,
  seen: string,
): Promise<void> {
  const { id: userId } = mustEdit(viewer, project)
  const markdown = written.replace(/\r\n?/g, '\n').trim()
  if (markdown.length > GUIDE_CHARS_MAX) {
    const message = `A field guide has at most ${GUIDE_CHARS_MAX.toLocaleString('en')} characters: this one has ${markdown.length.toLocaleString('en')}.`
    throw new InvalidError(message, { markdown: message })
  }
  await db.write(async (tx) => {
    const stored = await findGuide(tx, project.id)
    if ((stored?.updated ?? '') !== seen && stored?.markdown !== markdown)
      throw new AppError('conflict', CHANGED_MEANWHILE)
    if (markdown === '') await deleteGuide(tx, project.id)
    else await upsertGuide(tx, { projectId: project.id, markdown, userId })
  })
}

const CHANGED_MEANWHILE =
  'Somebody changed this field guide since you opened it. Your text stands here as you wrote it: look at the guide as it is now in another window, then save again to replace it.'
