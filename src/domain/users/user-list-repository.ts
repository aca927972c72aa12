import type { ListSource } from '../../platform/list-store.ts'

/** People with an account as lists show them; who may see what of them is for the service to say. */
export const userList = {
  from: 'user_account u',
  where: 'u.deleted is null',
  id: 'u.id',
  fields: {
    id: { sql: 'u.id', type: 'integer' },
    name: { sql: 'u.name', type: 'text' },
    fullName: { sql: 'u.full_name', type: 'text' },
    email: { sql: 'u.email', type: 'text' },
    locale: { sql: 'u.locale', type: 'text' },
    privacyMode: { sql: 'u.privacy_mode', type: 'boolean' },
    info: { sql: 'u.info', type: 'json' },
    created: { sql: 'u.created', type: 'time' },
  },
} satisfies ListSource
