import type { ListSource } from '../../platform/list-store.ts'

const asText = (column: string) => `${column} #>> '{}'`

/** What was changed of projects, as lists show it. */
export const auditList = {
  from: `change a join project p on p.id = a.project_id left join user_account u on u.id = a.user_id`,
  id: 'a.id',
  projectId: 'a.project_id',
  isByProject: true,
  isForOwners: true,
  fields: {
    id: { sql: 'a.id', type: 'integer', isIndexed: true },
    projectId: { sql: 'a.project_id', type: 'integer' },
    projectShortName: { sql: 'p.short_name', type: 'text' },
    userId: { sql: 'a.user_id', type: 'integer' },
    userName: { sql: 'u.name', type: 'text' },
    action: { sql: `case when a.before is null then 'create' else 'update' end`, type: 'text' },
    caller: { sql: 'a.caller', type: 'text' },
    attribute: { sql: 'a.attribute', type: 'text' },
    before: { sql: asText('a.before'), type: 'text' },
    after: { sql: asText('a.after'), type: 'text' },
    created: { sql: 'a.created', type: 'time' },
  },
} satisfies ListSource
