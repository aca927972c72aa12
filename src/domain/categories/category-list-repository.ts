import type { ListSource } from '../../platform/list-store.ts'

/** Categories as lists show them. */
export const categoryList: ListSource = {
  from: 'category c',
  id: 'c.id',
  fields: {
    id: { sql: 'c.id', type: 'integer' },
    name: { sql: 'c.name', type: 'text' },
    shortName: { sql: 'c.short_name', type: 'text' },
    description: { sql: 'c.description', type: 'text' },
    created: { sql: 'c.created', type: 'time' },
    info: { sql: 'c.info', type: 'json' },
  },
}
