import type { Db } from '../../platform/postgres.ts'
import type { Json } from '../../platform/schema.ts'

/** More than this nobody reads: the newest are told of. */
const LISTED_MAX = 500

/** A way in which the project asked. */
export interface AskedVersion {
  id: number
  created: string
  template: string | null
  settings: Json | null
}

/** The versions of a project's presenter that there were at a time, newest first. */
export function listAskedVersions(db: Db, projectId: number, until: string): Promise<AskedVersion[]> {
  return db
    .selectFrom('presenter_version')
    .select(['id', 'created', 'template', 'settings'])
    .where('project_id', '=', projectId)
    .where('created', '<=', until)
    .orderBy('id', 'desc')
    .limit(LISTED_MAX)
    .execute()
}

/** The ready templates that a project's presenter was ever made with. */
export async function listTemplatesUsed(db: Db, projectId: number): Promise<string[]> {
  const rows = await db
    .selectFrom('presenter_version')
    .select('template')
    .distinct()
    .where('project_id', '=', projectId)
    .$narrowType<{ template: string }>()
    .where('template', 'is not', null)
    .execute()
  return rows.map(({ template }) => template)
}

/** A change of the rules by which tasks were handed out and completed. */
export interface RuleChange {
  created: string
  attribute: string
  before: Json | null
  after: Json | null
}

const RULES = [
  'scheduler',
  'calibrationRate',
  'leaseSeconds',
  'undoSeconds',
  'allowAnonymousContributors',
  'published',
]

/** The changes that there were at a time, newest first. */
export function listRuleChanges(db: Db, projectId: number, until: string): Promise<RuleChange[]> {
  return db
    .selectFrom('change')
    .select(['created', 'attribute', 'before', 'after'])
    .where('project_id', '=', projectId)
    .where('created', '<=', until)
    .where((where) => where.or([where('attribute', 'in', RULES), where('attribute', 'like', 'tasks.%')]))
    .orderBy('id', 'desc')
    .limit(LISTED_MAX)
    .execute()
}
