import type { App } from '../../platform/app.ts'
import { contentOperations } from './content.ts'
import { defineNoun } from './noun.ts'
import type { Operation } from './operation.ts'
import { boolean, integer, jsonObject, text, time } from './values.ts'

const BLOGPOST = defineNoun({
  path: 'blogpost',
  className: 'Blogpost',
  hasOwnership: true,
  parents: { project_id: 'project' },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    created: { field: 'created', schema: time, use: 'reserved' },
    updated: { field: 'updated', schema: time, use: 'reserved' },
    project_id: { field: 'projectId', schema: integer },
    user_id: { field: 'userId', schema: integer, use: 'reserved' },
    title: { field: 'title', schema: text },
    body: { field: 'body', schema: text },
    info: { field: 'info', schema: jsonObject },
    media_url: { field: 'mediaUrl', schema: text },
    published: { field: 'published', schema: boolean },
  },
})

/** /api/blogpost: what owners tell those who are interested in a project; only they see it before it is published. */
export function blogpostOperations(app: App): Operation[] {
  return contentOperations(app, BLOGPOST, 'blogpost')
}
