import { listContents } from '../../domain/contents/content-service.ts'
import type { Context } from '../../http/state.ts'

/** So many are shown on a page; presenters ask the API for more. */
const MATERIALS_MAX = 100

/** A helping material as owners see it. */
export interface Material {
  id: number
  url: string
  /** What it shows: the words for those who do not see it. */
  description: string
  isPicture: boolean
  fileName: string
}

/** The helping materials of a project that have a file, newest first. */
export async function listMaterials(ctx: Context, projectId: number): Promise<Material[]> {
  const rows = await listContents(ctx.state.db, 'helping_material', {
    filters: [{ field: 'projectId', values: [String(projectId)] }],
    orderBy: 'id',
    desc: true,
    limit: MATERIALS_MAX,
    offset: 0,
    readableBy: 'everything',
  })
  return rows.flatMap(({ id, mediaUrl, info }) =>
    typeof id === 'number' && typeof mediaUrl === 'string' ? [materialOf(id, mediaUrl, info)] : [],
  )
}

function materialOf(id: number, url: string, info: unknown): Material {
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
