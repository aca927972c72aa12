import { InvalidError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { JobRun } from '../../platform/job.ts'
import { mustEdit, setProjectPicture, updateProject } from '../projects/project-service.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import type { Project } from '../projects/project-service.ts'
import { isPictureName } from '../uploads/content-check.ts'
import type { Area } from '../uploads/cropping.ts'
import { cutPicture } from '../uploads/cutting.ts'
import { drawUpload } from '../uploads/drawing.ts'
import { attachUpload, detachUpload, forgetUpload, keepingUpload } from '../uploads/upload-service.ts'
import type { NewFile, Upload } from '../uploads/upload-service.ts'
import { setAvatar } from '../users/user-service.ts'

/**
 * The pictures of projects and people. What somebody sends is kept; pages show what a job draws of it, so that no
 * picture is there until then.
 */

type PictureApp = Pick<App, 'config' | 'files' | 'log' | 'queue'>

/**
 * Keeps a picture of a project, in place of the one it has; without a file it has none any more.
 *
 * @throws InvalidError for what is no picture; ForbiddenError for others than owners.
 */
export async function changeProjectPicture(
  app: PictureApp,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  file: NewFile | undefined,
): Promise<void> {
  mustBePicture(file)
  const owner = { noun: 'project', id: project.id } as const
  let replaced: Upload | undefined
  await keepingUpload(app, db, `user_${project.ownerId}`, file, (upload) =>
    updateProject(db, viewer, project, { thumbnailUrl: null }, 'web', async (tx) => {
      replaced = upload ? await attachUpload(app, tx, upload, owner) : await detachUpload(tx, owner)
    }),
  )
  await forgetUpload(app, db, replaced)
}

/** The same for the picture that a person shows of themselves. */
export async function changeAvatar(
  app: PictureApp,
  db: RequestDb,
  user: { id: number },
  file: NewFile | undefined,
): Promise<void> {
  mustBePicture(file)
  const owner = { noun: 'user_account', id: user.id } as const
  const replaced = await keepingUpload(app, db, `user_${user.id}`, file, (upload) =>
    db.write(async (tx) => {
      await setAvatar(tx, user.id, null)
      return upload ? attachUpload(app, tx, upload, owner) : detachUpload(tx, owner)
    }),
  )
  await forgetUpload(app, db, replaced)
}

/** Has another part of a project's picture shown. @throws NotFoundError when it has none. */
export async function cutProjectPicture(
  app: PictureApp,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  area: Area,
): Promise<void> {
  mustEdit(viewer, project)
  await cutPicture(app, db, { noun: 'project', id: project.id }, area)
}

function mustBePicture(file: NewFile | undefined): void {
  if (!file || isPictureName(file.name)) return
  const message = 'Choose a picture: a PNG, JPEG, GIF or WebP.'
  throw new InvalidError(message, { file: message })
}

/** Draws what pages show of an upload, and shows it from then on. */
export async function drawPicture(
  app: Pick<App, 'config' | 'files'>,
  run: Pick<JobRun, 'openDb' | 'commit'>,
  uploadId: number,
): Promise<void> {
  await drawUpload(app, run, uploadId, async (tx, { noun, objectId }, url) => {
    if (noun === 'project') await setProjectPicture(tx, objectId, url)
    if (noun === 'user_account') await setAvatar(tx, objectId, url)
  })
}
