import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import {
  deleteAutoImport,
  findAutoImport,
  lockDue,
  noteAutoImport,
  putAutoImport,
} from './auto-import-repository.ts'
import type { AutoImport } from './auto-import-repository.ts'
import { insertImport } from './import-repository.ts'

export type { AutoImport } from './auto-import-repository.ts'

/** Less than a day, so that a run that came late does not put off the next one. */
const HOURS = 12
const BATCH = 200

/** What is fetched for a project every day, if anything. */
export async function getAutoImport(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
): Promise<AutoImport | undefined> {
  mustEdit(viewer, project)
  return db.read((reader) => findAutoImport(reader, project.id))
}

/** Has rows fetched from now on every day, and for the first time at once. */
export async function setAutoImport(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  wanted: Pick<AutoImport, 'source' | 'options' | 'bucketKeys'>,
): Promise<void> {
  const { id: userId } = mustEdit(viewer, project)
  await db.write(async (tx) => {
    await start(app, tx, await putAutoImport(tx, { ...wanted, projectId: project.id, userId }))
  })
}

export async function removeAutoImport(db: RequestDb, viewer: MaybeViewer, project: Project): Promise<void> {
  mustEdit(viewer, project)
  await db.write((tx) => deleteAutoImport(tx, project.id))
}

/** Begins today's automatic imports that have not begun yet; how many. */
export async function startAutoImports(app: Pick<App, 'queue'>, openDb: () => RequestDb): Promise<number> {
  for (let total = 0; ;) {
    const started = await openDb().write(async (tx) => {
      const due = await lockDue(tx, HOURS, BATCH)
      for (const one of due) await start(app, tx, one)
      return due.length
    })
    total += started
    if (started < BATCH) return total
  }
}

async function start(app: Pick<App, 'queue'>, tx: Tx, wanted: AutoImport): Promise<void> {
  const { projectId, userId, source, options, bucketKeys } = wanted
  const draft = { projectId, userId, source, options, bucketKeys, fileName: source.url, isAutomatic: true }
  const importId = await insertImport(tx, { ...draft, state: 'waiting' })
  await noteAutoImport(tx, projectId, importId)
  await app.queue.enqueue(tx, 'import-tasks', { importId })
}
