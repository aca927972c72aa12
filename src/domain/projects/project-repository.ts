import { sql } from 'kysely'
import type { FramePermission } from '../../lib/frame-permissions.ts'
import { noteChanged } from '../../platform/changes.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Json, JsonObject } from '../../platform/schema.ts'

export interface Project {
  id: number
  name: string
  shortName: string
  description: string
  longDescription: string | null
  ownerId: number
  /** All owners: the one who made it, and those invited. */
  ownerIds: number[]
  categoryId: number
  published: boolean
  featured: boolean
  allowAnonymousContributors: boolean
  zipDownload: boolean
  contacted: boolean
  webhook: string | null
  /** Of the data, by its id in lib/licences.ts; null when none was chosen. */
  licence: string | null
  thumbnailUrl: string | null
  info: JsonObject
  presenterVersionId: number | null
  scheduler: string
  leaseSeconds: number
  /** How long a contributor may take the last answer back. */
  undoSeconds: number
  /** The share of calibration tasks among those handed out. */
  calibrationRate: number
  /** What its presenter may ask of a volunteer's device. */
  framePermissions: FramePermission[]
  secretKeySealed: string
  created: string
  updated: string
}

/** The figures of a project, exact: folded totals and what is not folded yet. */
export interface ProjectTotals {
  nTasks: number
  /** Task runs wanted: the sum of all redundancies. */
  nWanted: number
  /** Counted apart: nTasks and all that follow are without them. */
  nCalibrationTasks: number
  nCompletedTasks: number
  nTaskRuns: number
  nExtra: number
  nContributors: number
  lastActivity: string | null
}

/** Projects, whole. */
export function selectProjects(db: Db) {
  return db
    .selectFrom('project')
    .select([
      'id',
      'name',
      'short_name as shortName',
      'description',
      'long_description as longDescription',
      'owner_id as ownerId',
      'category_id as categoryId',
      'published',
      'featured',
      'allow_anonymous_contributors as allowAnonymousContributors',
      'zip_download as zipDownload',
      'contacted',
      'webhook',
      'licence',
      'thumbnail_url as thumbnailUrl',
      'presenter_version_id as presenterVersionId',
      'scheduler',
      'lease_seconds as leaseSeconds',
      'undo_seconds as undoSeconds',
      'calibration_rate as calibrationRate',
      'secret_key_sealed as secretKeySealed',
      'created',
      'updated',
      sql<JsonObject>`info`.as('info'),
      sql<FramePermission[]>`frame_permissions`.as('framePermissions'),
      sql<
        number[]
      >`array(select user_id from project_owner o where o.project_id = project.id order by o.created, user_id)`.as(
        'ownerIds',
      ),
    ])
}

export async function findProject(db: Db, id: number): Promise<Project | undefined> {
  return selectProjects(db).where('id', '=', id).executeTakeFirst()
}

export async function findProjectByShortName(db: Db, shortName: string): Promise<Project | undefined> {
  return selectProjects(db).where('short_name', '=', shortName).executeTakeFirst()
}

/** What remembered values are made of: published projects as lists show them, and the figures of any of them. */
export const PROJECT_LIST = 'projects'
export const PROJECT_FIGURES = 'project-figures'

/** One project, its figures among it. */
export function projectThing(shortName: string): string {
  return `project:${shortName}`
}

/** Notes that a project is shown otherwise from now on. */
export function noteProject(
  tx: Tx,
  { shortName, published }: Pick<Project, 'shortName' | 'published'>,
): void {
  noteChanged(tx, projectThing(shortName), ...(published ? [PROJECT_LIST] : []))
}

export interface ProjectPage {
  /** Only projects with a smaller id; undefined for the newest. */
  before?: number | undefined
  limit: number
}

/** Published projects, newest first. */
export async function listPublished(db: Db, page: ProjectPage): Promise<Project[]> {
  let query = selectProjects(db).where('published', '=', true).orderBy('id', 'desc').limit(page.limit)
  if (page.before !== undefined) query = query.where('id', '<', page.before)
  return query.execute()
}

/** Features a project or ends that; false when that is so already. */
export async function markFeatured(tx: Tx, id: number, featured: boolean): Promise<boolean> {
  const marked = await tx
    .updateTable('project')
    .set({ featured, updated: sql`now()` })
    .where('id', '=', id)
    .where('featured', '!=', featured)
    .returning(['short_name as shortName', 'published'])
    .executeTakeFirst()
  if (marked) noteProject(tx, marked)
  return marked !== undefined
}

/** Moves all projects of a category to another one. */
export async function moveToCategory(tx: Tx, from: number, to: number): Promise<void> {
  const moved = await tx
    .updateTable('project')
    .set({ category_id: to, updated: sql`now()` })
    .where('category_id', '=', from)
    .returning(['short_name as shortName', 'published'])
    .execute()
  for (const project of moved) noteProject(tx, project)
}

/** Published projects that still have a place to fill: featured first, then the least complete. */
export async function listWithOpenTasks(db: Db, limit: number, exceptId = 0): Promise<Project[]> {
  return selectProjects(db)
    .where('published', '=', true)
    .where('id', '!=', exceptId)
    .where('presenter_version_id', 'is not', null)
    .where(sql<boolean>`exists (select from task_sched s where s.project_id = project.id and s.open)`)
    .orderBy('featured', 'desc')
    .orderBy('updated', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** Published projects whose tasks are all done, the latest first. */
export async function listCompleted(db: Db, limit: number): Promise<Project[]> {
  return selectProjects(db)
    .where('published', '=', true)
    .where(
      sql<boolean>`exists (select from project_total t where t.project_id = project.id
                             and t.n_tasks > 0 and t.n_completed_tasks >= t.n_tasks)`,
    )
    .orderBy('updated', 'desc')
    .limit(limit)
    .execute()
}

/** The projects that a person owns, newest first. */
export async function listOwned(db: Db, userId: number): Promise<Project[]> {
  return selectProjects(db)
    .where(sql<boolean>`id in (select project_id from project_owner where user_id = ${userId})`)
    .orderBy('id', 'desc')
    .limit(200)
    .execute()
}

export interface NewProject {
  name: string
  shortName: string
  description: string
  longDescription: string | null
  ownerId: number
  categoryId: number | undefined
  secretKeySealed: string
  info: Json
  allowAnonymousContributors?: boolean
  webhook?: string | null
  licence: string | null
}

export async function insertProject(tx: Tx, project: NewProject): Promise<number> {
  const { id } = await tx
    .insertInto('project')
    .values({
      name: project.name,
      short_name: project.shortName,
      description: project.description,
      long_description: project.longDescription,
      owner_id: project.ownerId,
      category_id: project.categoryId ?? sql<number>`(select min(id) from category)`,
      secret_key_sealed: project.secretKeySealed,
      info: JSON.stringify(project.info),
      allow_anonymous_contributors: project.allowAnonymousContributors ?? true,
      webhook: project.webhook ?? null,
      licence: project.licence,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await tx.insertInto('project_owner').values({ project_id: id, user_id: project.ownerId }).execute()
  await tx.insertInto('project_total').values({ project_id: id }).execute()
  return id
}

/** What may change of a project; a missing key leaves the column as it is. */
export interface ProjectChanges {
  name?: string
  shortName?: string
  description?: string
  longDescription?: string | null
  categoryId?: number
  allowAnonymousContributors?: boolean
  zipDownload?: boolean
  licence?: string | null
  webhook?: string | null
  thumbnailUrl?: string | null
  info?: Json
  presenterVersionId?: number
  scheduler?: string
  leaseSeconds?: number
  undoSeconds?: number
  calibrationRate?: number
  framePermissions?: FramePermission[]
}

export async function updateProjectColumns(tx: Tx, id: number, changes: ProjectChanges): Promise<void> {
  const columns = {
    name: changes.name,
    short_name: changes.shortName,
    description: changes.description,
    long_description: changes.longDescription,
    category_id: changes.categoryId,
    allow_anonymous_contributors: changes.allowAnonymousContributors,
    zip_download: changes.zipDownload,
    webhook: changes.webhook,
    licence: changes.licence,
    thumbnail_url: changes.thumbnailUrl,
    info: changes.info === undefined ? undefined : JSON.stringify(changes.info),
    presenter_version_id: changes.presenterVersionId,
    scheduler: changes.scheduler,
    lease_seconds: changes.leaseSeconds,
    undo_seconds: changes.undoSeconds,
    calibration_rate: changes.calibrationRate,
    frame_permissions: changes.framePermissions,
  }
  // Who knew it by another name finds it there no more.
  const before = changes.shortName === undefined ? undefined : await findProject(tx, id)
  const after = await tx
    .updateTable('project')
    .set({ ...withoutUndefined(columns), updated: sql`now()` })
    .where('id', '=', id)
    .returning(['short_name as shortName', 'published'])
    .executeTakeFirst()
  for (const project of [before, after]) if (project) noteProject(tx, project)
}

/** Replaces the sealed secret key, which every token for the project is signed with. */
export async function updateSecretKey(tx: Tx, id: number, secretKeySealed: string): Promise<void> {
  await tx
    .updateTable('project')
    .set({ secret_key_sealed: secretKeySealed, updated: sql`now()` })
    .where('id', '=', id)
    .execute()
}

/** A record without the keys that say nothing. */
export function withoutUndefined<T extends object>(record: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

/** Every contributor's cursor begins at the front again. */
export async function raiseEpoch(tx: Tx, projectId: number): Promise<void> {
  await tx
    .updateTable('project')
    .set({ sched_epoch: sql`sched_epoch + 1` })
    .where('id', '=', projectId)
    .execute()
}

/** One row per changed attribute: the audit log. */
export async function insertChanges(
  tx: Tx,
  about: { projectId: number; userId: number; caller: 'web' | 'api'; requestId: string | undefined },
  changes: { attribute: string; before: Json | undefined; after: Json | undefined }[],
): Promise<void> {
  if (changes.length === 0) return
  await tx
    .insertInto('change')
    .values(
      changes.map(({ attribute, before, after }) => ({
        project_id: about.projectId,
        user_id: about.userId,
        caller: about.caller,
        subject: 'project',
        subject_id: about.projectId,
        attribute,
        before: before === undefined ? null : JSON.stringify(before),
        after: after === undefined ? null : JSON.stringify(after),
        request_id: about.requestId ?? null,
      })),
    )
    .execute()
}

/** What people did while a project was tried out. */
const DRAFT_TABLES = [
  'task_run',
  'result',
  'lease',
  'contributor_project',
  'project_delta',
  'webhook_delivery',
  'activity',
  'project_hour',
  'project_counted',
] as const

/**
 * Forgets everything that was tried out while the project was a draft: task runs, results, leases, counters. Tasks
 * stay, all of them open again.
 */
export async function resetDraft(tx: Tx, projectId: number): Promise<void> {
  for (const table of DRAFT_TABLES) {
    await tx.deleteFrom(table).where('project_id', '=', projectId).execute()
  }
  await sql`update task_sched set n_runs = 0, n_taken = 0, n_extra = 0, done_by = null, open = not calibrates,
                    ord = order_key_v1(sched, task_id, 0)
             where project_id = ${projectId}`.execute(tx)
  await tx
    .updateTable('task')
    .set({ state: 'ongoing' })
    .where('project_id', '=', projectId)
    .where('state', '!=', 'ongoing')
    .execute()
  await sql`
    insert into project_total (project_id, n_tasks, n_calibration_tasks, n_wanted)
    select ${projectId}::bigint, count(*) filter (where calibration = 0), count(*) filter (where calibration <> 0),
           coalesce(sum(n_answers) filter (where calibration = 0), 0)
      from task where project_id = ${projectId}
    on conflict (project_id) do update
      set n_tasks = excluded.n_tasks, n_calibration_tasks = excluded.n_calibration_tasks,
          n_wanted = excluded.n_wanted, n_completed_tasks = 0, n_task_runs = 0, n_extra = 0, n_contributors = 0,
          last_activity = null`.execute(tx)
}

/** Publishes a draft: false when it is one no more. Of several callers at once one gets true, the others wait for it. */
export async function markPublished(tx: Tx, projectId: number): Promise<boolean> {
  const published = await tx
    .updateTable('project')
    .set({ published: true, updated: sql`now()`, sched_epoch: sql`sched_epoch + 1` })
    .where('id', '=', projectId)
    .where('published', '=', false)
    .returning(['short_name as shortName', 'published'])
    .executeTakeFirst()
  if (published) noteProject(tx, published)
  return published !== undefined
}

export async function hasTasks(db: Db, projectId: number): Promise<boolean> {
  const row = await db
    .selectFrom('task')
    .select('id')
    .where('project_id', '=', projectId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

export async function hasResults(db: Db, projectId: number): Promise<boolean> {
  const row = await db
    .selectFrom('result')
    .select('id')
    .where('project_id', '=', projectId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Removes a project and everything in it. */
export async function deleteProjectRows(tx: Tx, projectId: number): Promise<void> {
  await tx.updateTable('project').set({ presenter_version_id: null }).where('id', '=', projectId).execute()
  // First, so that its rows leave no past behind: see keep_deleted_v1.
  const deleted = await tx
    .deleteFrom('project')
    .where('id', '=', projectId)
    .returning(['short_name as shortName', 'published'])
    .executeTakeFirst()
  if (deleted) noteProject(tx, deleted)
  for (const table of [
    'row_version',
    'lease',
    'contributor_project',
    'result',
    'task_run',
    'task_sched',
    'task',
    'project_delta',
    'project_total',
    'activity',
    'project_hour',
    'project_counted',
  ] as const) {
    await tx.deleteFrom(table).where('project_id', '=', projectId).execute()
  }
}

/** Totals of several projects, exact also for what no worker has folded yet. */
export async function findTotals(db: Db, projectIds: number[]): Promise<Map<number, ProjectTotals>> {
  const { rows } = await sql<ProjectTotals & { projectId: number }>`
    select p.id as "projectId",
           coalesce(t.n_tasks, 0) + coalesce(d.n_tasks, 0) as "nTasks",
           coalesce(t.n_calibration_tasks, 0) + coalesce(d.n_calibration_tasks, 0) as "nCalibrationTasks",
           coalesce(t.n_wanted, 0) + coalesce(d.n_wanted, 0) as "nWanted",
           coalesce(t.n_completed_tasks, 0) + coalesce(d.n_completed_tasks, 0) as "nCompletedTasks",
           coalesce(t.n_task_runs, 0) + coalesce(d.n_task_runs, 0) as "nTaskRuns",
           coalesce(t.n_extra, 0) + coalesce(d.n_extra, 0) as "nExtra",
           coalesce(t.n_contributors, 0) + coalesce(d.n_contributors, 0) as "nContributors",
           coalesce(d.last_activity, t.last_activity) as "lastActivity"
      from unnest(${projectIds}::bigint[]) as p (id)
      left join project_total t on t.project_id = p.id
      left join lateral (
        select sum(n_tasks)::bigint as n_tasks, sum(n_calibration_tasks)::bigint as n_calibration_tasks,
               sum(n_wanted)::bigint as n_wanted, sum(n_completed_tasks)::bigint as n_completed_tasks,
               sum(n_task_runs)::bigint as n_task_runs, sum(n_extra)::bigint as n_extra,
               sum(n_contributors)::bigint as n_contributors,
               max(created) filter (where n_task_runs + n_extra > 0) as last_activity
          from project_delta where project_id = p.id) d on true`.execute(db)
  return new Map(rows.map(({ projectId, ...totals }) => [projectId, totals]))
}

/** Takes the announcement that all of this many tasks are done: true for one caller only. */
export async function claimCompletion(tx: Tx, projectId: number, nTasks: number): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('project')
    .set({ n_tasks_announced: nTasks })
    .where('id', '=', projectId)
    .where('n_tasks_announced', '!=', nTasks)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
