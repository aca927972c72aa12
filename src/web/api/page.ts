import type { App } from '../../platform/app.ts'
import { contentOperations } from './content.ts'
import { defineNoun } from './noun.ts'
import type { Operation } from './operation.ts'
import { integer, jsonObject, text, time } from './values.ts'

const PAGE = defineNoun({
  path: 'page',
  className: 'Page',
  hasOwnership: true,
  parents: { project_id: 'project' },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    created: { field: 'created', schema: time, use: 'reserved' },
    slug: { field: 'slug', schema: text },
    project_id: { field: 'projectId', schema: integer },
    info: { field: 'info', schema: jsonObject },
    media_url: { field: 'mediaUrl', schema: text },
  },
})

/** /api/page: further pages of a project, as far as whoever shows them keeps them here. */
export function pageOperations(app: App): Operation[] {
  return contentOperations(app, PAGE, 'project_page')
}
