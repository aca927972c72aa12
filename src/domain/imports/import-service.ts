import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { NotFoundError } from '../../lib/errors.ts'
import { contentHash } from '../../lib/canonical-json.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Json } from '../../platform/schema.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { addTasks } from '../tasks/task-service.ts'
import type { TaskInput } from '../tasks/task-service.ts'
import {
  claimImport,
  countKnown,
  deleteImport,
  findImport,
  insertImport,
  listOldDrafts,
  noteImported,
} from './import-repository.ts'
import type { TaskImport } from './import-repository.ts'

export type { TaskImport } from './import-repository.ts'

/** Keeps a source until its owner has seen the preview. Nothing of it is a task yet. */
export async function draftImport(
  app: Pick<App, 'files'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  source: { importer: string; fileName: string; content: Readable },
): Promise<number> {
  const { id: userId } = mustEdit(viewer, project)
  const fileKey = `imports/${project.id}/${randomUUID()}`
  await app.files.put(fileKey, source.content)
  return db.write((tx) =>
    insertImport(tx, {
      projectId: project.id,
      userId,
      importer: source.importer,
      fileName: source.fileName.slice(0, 255),
      fileKey,
    }),
  )
}

/** @throws NotFoundError when the project has no such import. */
export async function getImport(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  importId: number,
): Promise<TaskImport> {
  mustEdit(viewer, project)
  const found = await db.read((reader) => findImport(reader, importId))
  if (found?.projectId !== project.id) throw new NotFoundError('import', importId)
  return found
}

/** How many tasks an import would add, and how many of its rows the project (or the file itself) has already. */
export async function previewCounts(
  db: RequestDb,
  project: Project,
  tasks: AsyncIterable<TaskInput>,
): Promise<{ added: number; skipped: number }> {
  const fresh = new Set<string>()
  let total = 0
  for await (const { info } of tasks) {
    fresh.add(contentHash(info))
    total += 1
  }
  const known = await db.read((reader) => countKnown(reader, project.id, [...fresh]))
  return { added: fresh.size - known, skipped: total - fresh.size + known }
}

/**
 * Turns a draft into tasks: all of them or, when a row breaks a rule, none. A draft is stored once: whoever comes
 * second adds nothing.
 *
 * @throws whatever reading the tasks throws.
 */
export async function storeImport(
  app: Pick<App, 'files'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  draft: { record: TaskImport; options: Json; tasks: AsyncIterable<TaskInput> },
): Promise<void> {
  mustEdit(viewer, project)
  const { record, options, tasks } = draft
  await db.write(async (tx) => {
    if (await claimImport(tx, record.id, options)) {
      const list = withoutRepeats(tasks)
      const counts = await addTasks(tx, project.id, list.tasks)
      await noteImported(tx, record.id, { ...counts, repeated: list.repeated() })
    }
  })
  await app.files.remove(record.fileKey)
}

/** Tasks without those whose content came before, which are counted. */
function withoutRepeats(tasks: AsyncIterable<TaskInput>) {
  const seen = new Set<string>()
  let repeated = 0
  async function* firsts(): AsyncGenerator<TaskInput> {
    for await (const task of tasks) {
      const hash = contentHash(task.info)
      if (seen.has(hash)) repeated += 1
      else yield task
      seen.add(hash)
    }
  }
  return { tasks: firsts(), repeated: () => repeated }
}

/** Removes drafts that nobody came back to for a week; how many. */
export async function forgetOldDrafts(app: Pick<App, 'files'>, openDb: () => RequestDb): Promise<number> {
  const drafts = await openDb().readPrimary((primary) => listOldDrafts(primary))
  for (const { id, fileKey } of drafts) {
    await app.files.remove(fileKey)
    await openDb().call((primary) => deleteImport(primary, id), { silent: true })
  }
  return drafts.length
}
