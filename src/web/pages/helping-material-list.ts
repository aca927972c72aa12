import { listContents } from '../../domain/contents/content-service.ts'
import { drawnPictures } from '../../domain/uploads/upload-service.ts'
import type { Context } from '../../http/state.ts'
import type { DrawnPicture } from '../../lib/drawn-picture.ts'
import type { App } from '../../platform/app.ts'

/** So many are shown on a page; presenters ask the API for more. */
const MATERIALS_MAX = 100

/** A helping material as owners see it. */
export interface Material {
  id: number
  url: string
  /** What it shows: the words for those who do not see it. */
  description: string
  isPicture: boolean
  /** The same in small, once it was drawn. */
  thumbnail: DrawnPicture | undefined
  fileName: string
}

/** The helping materials of a project that have a file, newest first. */
export async function listMaterials(
  app: Pick<App, 'config'>,
  ctx: Context,
  projectId: number,
): Promise<Material[]> {
  const rows = await listContents(ctx.state.db, 'helping_material', {
    filters: [{ field: 'projectId', values: [String(projectId)] }],
    orderBy: 'id',
    desc: true,
    limit: MATERIALS_MAX,
    offset: 0,
    readableBy: 'everything',
  })
  const ids = rows.flatMap(({ id }) => (typeof id === 'number' ? [id] : []))
  const thumbnails = await drawnPictures(app, ctx.state.db, 'helping_material', ids)
  return rows.flatMap(({ id, mediaUrl, info }) =>
    typeof id === 'number' && typeof mediaUrl === 'string'
      ? [{ ...materialOf(id, mediaUrl, info), thumbnail: thumbnails.get(id) }]
      : [],
  )
}

function materialOf(id: number, url: string, info: unknown): Omit<Material, 'thumbnail'> {
  const words = typeof info === 'object' && info !== null && 'description' in info ? info.description : ''
  return {
    id,
    url,
    description: typeof words === 'string' ? words : '',
    isPicture: /\/uploads\/.*\.(?:png|jpe?g|gif|webp|svg)$/i.test(url),
    // Without the digits that keep names apart.
    fileName: url.replace(/^.*\/(?:[0-9a-f]{24}-)?/, ''),
  }
}
