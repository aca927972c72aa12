import type { App } from '../../platform/app.ts'
import { POST, RECORD, contentOperations } from './content.ts'
import { defineNoun } from './noun.ts'
import type { Operation } from './operation.ts'
import { integer } from './values.ts'

const BLOGPOST = defineNoun({
  path: 'blogpost',
  className: 'Blogpost',
  hasOwnership: true,
  parents: { project_id: 'project' },
  attributes: {
    ...RECORD,
    project_id: { field: 'projectId', schema: integer },
    ...POST,
  },
})

/** /api/blogpost: what owners tell those who are interested in a project; only they see it before it is published. */
export function blogpostOperations(app: App): Operation[] {
  return contentOperations(app, BLOGPOST, 'blogpost')
}
