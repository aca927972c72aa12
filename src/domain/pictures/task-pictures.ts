import { createReadStream } from 'node:fs'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { Upload } from '../uploads/upload-service.ts'
import { forgetUpload, keepUpload, mediaUrlOf } from '../uploads/upload-service.ts'
import {
  attachTaskPictures,
  findKeptBefore,
  findLastPicture,
  findTaskPicture,
  listKept,
  markKept,
} from './task-picture-repository.ts'

/** A picture that came for a task, on this machine for the moment; it is known to be one. */
export interface SentPicture {
  readonly path: string
  /** As its sender calls it. */
  readonly name: string
  readonly extension: string
  /** Of its bytes, in hexadecimal. */
  readonly sha256: string
}

/** Pictures that belong to a project's tasks; those that are new belong to nothing before `attach`. */
export interface TaskPictures {
  /** Keeps a picture, unless the project or an earlier run of the import has it already; its address. */
  keep(picture: SentPicture): Promise<string>
  /**
   * Gives what was kept to the project, in the transaction that stores the tasks, which has the project's lock; false
   * when the project got one of them otherwise since it was kept, or one is not there any more: its address is another one.
   */
  attach(tx: Tx): Promise<boolean>
  /** Removes what was kept and not given, by earlier runs as well. */
  forget(): Promise<void>
}

export function createTaskPictures(
  app: Pick<App, 'config' | 'files' | 'log' | 'queue'>,
  openDb: () => RequestDb,
  { projectId, importId }: { projectId: number; importId: number },
): TaskPictures {
  const kept = new Map<string, Upload>()

  async function keepAnew({ path, name, extension, sha256 }: SentPicture): Promise<Upload> {
    const file = { name, extension, content: createReadStream(path) }
    const upload = await keepUpload(app, openDb(), containerOf(projectId), file)
    await openDb().call((primary) => markKept(primary, upload, { importId, sha256 }), { silent: true })
    return upload
  }

  return {
    async keep(picture) {
      const { sha256 } = picture
      const known = kept.get(sha256) ?? (await findKept(openDb(), projectId, sha256))
      if (known) return mediaUrlOf(app, known)
      const before = await openDb().readPrimary((primary) => findKeptBefore(primary, { importId, sha256 }))
      const upload = before ?? (await keepAnew(picture))
      kept.set(sha256, upload)
      return mediaUrlOf(app, upload)
    },
    async attach(tx) {
      // Those before have a job of their own: what that could not draw would fail again with each import.
      const afterId = await findLastPicture(tx, projectId)
      if (kept.size > 0) await app.queue.enqueue(tx, 'draw-task-pictures', { projectId, afterId })
      return attachTaskPictures(tx, projectId, kept)
    },
    async forget() {
      const left = await openDb().readPrimary((primary) => listKept(primary, importId))
      for (const upload of left) await forgetUpload(app, openDb(), upload)
    },
  }
}

/** The address that a picture has or would have: one that is not kept yet gets one that no other has. */
export async function foreseenAddress(
  app: Pick<App, 'config'>,
  db: RequestDb,
  projectId: number,
  { sha256 }: SentPicture,
): Promise<string> {
  const known = await findKept(db, projectId, sha256)
  return known ? mediaUrlOf(app, known) : sha256
}

/** With whose files the pictures of a project's tasks are kept. */
export function containerOf(projectId: number): string {
  return `project_${projectId}`
}

async function findKept(db: RequestDb, projectId: number, sha256: string) {
  return db.readPrimary((primary) => findTaskPicture(primary, projectId, sha256))
}
