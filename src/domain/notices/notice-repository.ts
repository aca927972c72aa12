import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

export interface Reader {
  id: number
  email: string
}

/** What came in for one project within a time. */
export interface ProjectNews {
  ownerId: number
  name: string
  shortName: string
  nNew: number
  nTasks: number
  nCompletedTasks: number
}

/** Owners of published projects after one of them, by id. */
export async function listOwners(db: Db, afterId: number, limit: number): Promise<Reader[]> {
  return db
    .selectFrom('user_account as u')
    .select(['u.id', 'u.email'])
    .where('u.id', '>', afterId)
    .where('u.deleted', 'is', null)
    .where(
      sql<boolean>`exists (select from project_owner o join project p on p.id = o.project_id
                            where o.user_id = u.id and p.published)`,
    )
    .orderBy('u.id')
    .limit(limit)
    .execute()
}

/** The published projects of these owners that got task runs within a time, the busiest first. */
export async function listNews(
  db: Db,
  ownerIds: number[],
  { since, until }: { since: string; until: string },
): Promise<ProjectNews[]> {
  const { rows } = await sql<ProjectNews>`
    select o.user_id as "ownerId", p.name, p.short_name as "shortName", r.n as "nNew",
           coalesce(t.n_tasks, 0) as "nTasks", coalesce(t.n_completed_tasks, 0) as "nCompletedTasks"
      from project_owner o
      join project p on p.id = o.project_id and p.published
      left join project_total t on t.project_id = p.id
      cross join lateral (select count(*) as n from task_run
                           where project_id = p.id and finish_time >= ${since} and finish_time < ${until}
                             and withdrawn is null) r
     where o.user_id = any(${ownerIds}) and r.n > 0
     order by o.user_id, r.n desc, p.id`.execute(db)
  return rows
}

export interface QuietProject {
  id: number
  name: string
  shortName: string
  quietSince: string
  nOpenTasks: number
}

/**
 * Published projects with tasks left whose last task run, or else their last change, is that many days old, and whose
 * owners were not told of that spell. Locked, and left out while somebody else has them.
 */
export async function lockQuietProjects(tx: Tx, days: number, limit: number): Promise<QuietProject[]> {
  const { rows } = await sql<QuietProject>`
    select p.id, p.name, p.short_name as "shortName", coalesce(t.last_activity, p.updated) as "quietSince",
           t.n_tasks - t.n_completed_tasks as "nOpenTasks"
      from project p join project_total t on t.project_id = p.id
     where p.published and t.n_completed_tasks < t.n_tasks
       and coalesce(t.last_activity, p.updated) < now() - make_interval(days => ${days})
       and p.quiet_since is distinct from coalesce(t.last_activity, p.updated)
     order by p.id limit ${limit} for update of p skip locked`.execute(tx)
  return rows
}

/** Notes of which quiet spell a project's owners were told. */
export async function noteQuiet(tx: Tx, { id, quietSince }: QuietProject): Promise<void> {
  await tx.updateTable('project').set({ quiet_since: quietSince }).where('id', '=', id).execute()
}

export async function listOwnersOf(db: Db, projectId: number): Promise<Reader[]> {
  return db
    .selectFrom('project_owner as o')
    .innerJoin('user_account as u', 'u.id', 'o.user_id')
    .select(['u.id', 'u.email'])
    .where('o.project_id', '=', projectId)
    .where('u.deleted', 'is', null)
    .orderBy('u.id')
    .execute()
}

export interface Blogpost {
  id: number
  title: string
  body: string
  userId: number
  projectId: number
  projectName: string
  shortName: string
}

/** A blog post that everybody may read. */
export async function findPublishedPost(db: Db, id: number): Promise<Blogpost | undefined> {
  return db
    .selectFrom('blogpost as b')
    .innerJoin('project as p', 'p.id', 'b.project_id')
    .select([
      'b.id',
      'b.title',
      'b.body',
      'b.user_id as userId',
      'p.id as projectId',
      'p.name as projectName',
      'p.short_name as shortName',
    ])
    .where('b.id', '=', id)
    .where('b.published', '=', true)
    .where('p.published', '=', true)
    .executeTakeFirst()
}

/** Contributors of a project who asked for its news, after one of them, by id. */
export async function listPostReaders(
  db: Db,
  { projectId, userId }: Blogpost,
  afterId: number,
  limit: number,
): Promise<Reader[]> {
  return db
    .selectFrom('contributor_project as cp')
    .innerJoin('contributor as c', 'c.id', 'cp.contributor_id')
    .innerJoin('user_account as u', 'u.id', 'c.user_id')
    .innerJoin('mail_choice as m', (join) =>
      join.onRef('m.user_id', '=', 'u.id').on('m.kind', '=', 'blogpost'),
    )
    .select(['u.id', 'u.email'])
    .where('cp.project_id', '=', projectId)
    .where('cp.n_runs', '>', 0)
    .where('m.wanted', '=', true)
    .where('u.id', '>', afterId)
    .where('u.id', '!=', userId)
    .where('u.deleted', 'is', null)
    .orderBy('u.id')
    .limit(limit)
    .execute()
}
