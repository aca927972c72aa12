import type { App } from '../../platform/app.ts'
import { POST, RECORD, contentOperations } from './content.ts'
import { defineNoun } from './noun.ts'
import type { Operation } from './operation.ts'

const ANNOUNCEMENT = defineNoun({
  path: 'announcement',
  className: 'Announcement',
  hasOwnership: false,
  attributes: {
    ...RECORD,
    ...POST,
  },
})

/** /api/announcement: what admins tell everybody; only they see it before it is published. */
export function announcementOperations(app: App): Operation[] {
  return contentOperations(app, ANNOUNCEMENT, 'announcement')
}
