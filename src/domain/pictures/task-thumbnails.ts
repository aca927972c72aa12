import { drawnPicture } from '../../lib/drawn-picture.ts'
import type { DrawnPicture } from '../../lib/drawn-picture.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { PermanentError } from '../../platform/job.ts'
import type { JobRun } from '../../platform/job.ts'
import { drawOneOfMany } from '../uploads/drawing.ts'
import { mediaUrlOf } from '../uploads/upload-service.ts'
import { listTaskDrawn, listUndrawn } from './task-picture-repository.ts'
import { containerOf } from './task-pictures.ts'

/** So many are drawn by one run, which takes seconds. */
const BATCH = 50

/**
 * Draws what owners see of the pictures of a project's tasks, those after one of them; the rest is another job's. One that
 * cannot be drawn keeps nothing else: it is shown by its name.
 */
export async function drawTaskPictures(
  app: Pick<App, 'config' | 'files' | 'queue'>,
  { openDb, commit, signal, log }: JobRun,
  { projectId, afterId }: { projectId: number; afterId: number },
): Promise<void> {
  const uploads = await openDb().readPrimary((primary) =>
    listUndrawn(primary, projectId, { afterId, limit: BATCH }),
  )
  for (const upload of uploads) {
    signal.throwIfAborted()
    try {
      await drawOneOfMany(app, openDb, upload)
    } catch (error) {
      if (!(error instanceof PermanentError)) throw error
      log.warn({ err: error, upload: upload.id }, 'picture of a task not drawn')
    }
  }
  const last = uploads.at(-1)
  if (!last || uploads.length < BATCH) return
  await commit((tx) => app.queue.enqueue(tx, 'draw-task-pictures', { projectId, afterId: last.objectId }))
}

/** A picture of a task in small. */
export interface TaskThumbnail extends DrawnPicture {
  /** The address of all of it: what a task says may lead elsewhere. */
  readonly whole: string
}

/**
 * What owners see of the pictures that tasks are about, by the address that a task has; of what is not kept here, or not
 * drawn yet, nothing.
 */
export async function taskThumbnails(
  app: Pick<App, 'config'>,
  db: RequestDb,
  projectId: number,
  addresses: readonly string[],
): Promise<Map<string, TaskThumbnail>> {
  const container = containerOf(projectId)
  const named = addresses.flatMap((address) => {
    const [, fileName] = new RegExp(`/uploads/${container}/([^/?#]+)$`).exec(address) ?? []
    return fileName === undefined ? [] : [{ address, fileName }]
  })
  if (named.length === 0) return new Map()
  const fileNames = named.map(({ fileName }) => fileName)
  const rows = await db.read((reader) => listTaskDrawn(reader, container, fileNames))
  const drawnOf = new Map(rows.map(({ fileName, drawn }) => [fileName, drawn[0] ?? '']))
  return new Map(
    named.flatMap(({ address, fileName }) => {
      const drawn = drawnOf.get(fileName)
      const picture = drawnPicture(
        drawn === undefined ? null : mediaUrlOf(app, { container, fileName: drawn }),
      )
      const whole = mediaUrlOf(app, { container, fileName })
      return picture ? [[address, { ...picture, whole }] as const] : []
    }),
  )
}
