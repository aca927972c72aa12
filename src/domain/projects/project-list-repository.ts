import type { ListSource } from '../../platform/list-store.ts'

/** Projects as lists show them. */
export const projectList = {
  from: 'project p',
  id: 'p.id',
  projectId: 'p.id',
  fields: {
    id: { sql: 'p.id', type: 'integer' },
    name: { sql: 'p.name', type: 'text' },
    shortName: { sql: 'p.short_name', type: 'text' },
    description: { sql: 'p.description', type: 'text' },
    longDescription: { sql: 'p.long_description', type: 'text' },
    ownerId: { sql: 'p.owner_id', type: 'integer' },
    ownerIds: {
      sql: 'array(select o.user_id from project_owner o where o.project_id = p.id order by o.created, o.user_id)',
      type: 'integers',
    },
    categoryId: { sql: 'p.category_id', type: 'integer' },
    published: { sql: 'p.published', type: 'boolean' },
    featured: { sql: 'p.featured', type: 'boolean' },
    allowAnonymousContributors: { sql: 'p.allow_anonymous_contributors', type: 'boolean' },
    zipDownload: { sql: 'p.zip_download', type: 'boolean' },
    contacted: { sql: 'p.contacted', type: 'boolean' },
    licence: { sql: 'p.licence', type: 'text' },
    webhook: { sql: 'p.webhook', type: 'text' },
    thumbnailUrl: { sql: 'p.thumbnail_url', type: 'text' },
    presenterVersionId: { sql: 'p.presenter_version_id', type: 'integer' },
    scheduler: { sql: 'p.scheduler', type: 'text' },
    leaseSeconds: { sql: 'p.lease_seconds', type: 'integer' },
    undoSeconds: { sql: 'p.undo_seconds', type: 'integer' },
    calibrationRate: { sql: 'p.calibration_rate', type: 'number' },
    framePermissions: { sql: 'to_jsonb(p.frame_permissions)', type: 'json' },
    secretKeySealed: { sql: 'p.secret_key_sealed', type: 'text' },
    info: { sql: 'p.info', type: 'json' },
    created: { sql: 'p.created', type: 'time' },
    updated: { sql: 'p.updated', type: 'time' },
  },
} satisfies ListSource
