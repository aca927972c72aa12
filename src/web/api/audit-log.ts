import { getAuditRecord, listAuditRecords } from '../../domain/audits/audit-service.ts'
import type { App } from '../../platform/app.ts'
import { defineNoun } from './noun.ts'
import type { Operation } from './operation.ts'
import { resource } from './resource.ts'
import { integer, text, time } from './values.ts'

const AUDIT_LOG = defineNoun({
  path: 'auditlog',
  className: 'Auditlog',
  hasOwnership: true,
  parents: { project_id: 'project' },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    project_id: { field: 'projectId', schema: integer, use: 'reserved' },
    project_short_name: { field: 'projectShortName', schema: text, use: 'reserved' },
    user_id: { field: 'userId', schema: integer, use: 'reserved' },
    user_name: { field: 'userName', schema: text, use: 'reserved' },
    action: { field: 'action', schema: text, use: 'reserved' },
    caller: { field: 'caller', schema: text, use: 'reserved' },
    attribute: { field: 'attribute', schema: text, use: 'reserved' },
    old_value: { field: 'before', schema: text, use: 'reserved' },
    new_value: { field: 'after', schema: text, use: 'reserved' },
    created: { field: 'created', schema: time, use: 'reserved' },
  },
})

/** /api/auditlog: who changed what of a project, for its owners. */
export function auditLogOperations(app: App): Operation[] {
  return resource(app, AUDIT_LOG, {
    list: (ctx, query) => listAuditRecords(ctx.state.db, ctx.state.viewer, query),
    read: (ctx, id) => getAuditRecord(ctx.state.db, ctx.state.viewer, id),
  })
}
