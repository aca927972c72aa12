import type { App } from '../../platform/app.ts'
import { contentOperations } from './content.ts'
import { defineNoun } from './noun.ts'
import type { Operation } from './operation.ts'
import { integer, jsonObject, number, text, time } from './values.ts'

const HELPING_MATERIAL = defineNoun({
  path: 'helpingmaterial',
  className: 'HelpingMaterial',
  hasOwnership: true,
  parents: { project_id: 'project' },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    created: { field: 'created', schema: time, use: 'reserved' },
    project_id: { field: 'projectId', schema: integer },
    info: { field: 'info', schema: jsonObject },
    media_url: { field: 'mediaUrl', schema: text },
    priority: { field: 'priority', schema: number },
  },
})

/** /api/helpingmaterial: examples that a presenter shows beside its tasks. */
export function helpingMaterialOperations(app: App): Operation[] {
  return contentOperations(app, HELPING_MATERIAL, 'helping_material')
}
