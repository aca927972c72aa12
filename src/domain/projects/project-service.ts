import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { AppError, ForbiddenError, InvalidError, NotFoundError, refusal } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import { FRAME_PERMISSIONS } from '../../lib/frame-permissions.ts'
import { LICENCES, findLicence } from '../../lib/licences.ts'
import type { App } from '../../platform/app.ts'
import { fieldsAsked, listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { projectList } from './project-list-repository.ts'
import type { RequestDb } from '../../platform/database.ts'
import { violatedForeignKey, violatedUnique } from '../../platform/postgres.ts'
import type { Tx } from '../../platform/postgres.ts'
import { currentRequestId } from '../../platform/request-context.ts'
import type { Json, JsonObject } from '../../platform/schema.ts'
import { randomToken } from '../../platform/sealing.ts'
import type { Sealer } from '../../platform/sealing.ts'
import { mustBeAdmin } from '../users/user-policy.ts'
import { countGallery, listGallery } from './gallery-repository.ts'
import type { GalleryFilter, GalleryPage } from './gallery-repository.ts'
import { mayEditProject, mayReadProject } from './project-policy.ts'
import type { MaybeViewer, ProjectViewer } from './project-policy.ts'
import {
  deleteProjectRows,
  findProject,
  findProjectByShortName,
  findTotals,
  hasResults,
  hasTasks,
  insertChanges,
  insertProject,
  listCompleted,
  listOwned,
  listPublished,
  listWithOpenTasks,
  markFeatured,
  markPublished,
  raiseEpoch,
  resetDraft,
  updateProjectColumns,
  updateSecretKey,
  withoutUndefined,
} from './project-repository.ts'
import type { Project, ProjectChanges, ProjectPage, ProjectTotals } from './project-repository.ts'

export type { Project, ProjectChanges, ProjectTotals } from './project-repository.ts'
export { GALLERY_ORDERS } from './gallery-repository.ts'
export type { GalleryFilter, GalleryOrder } from './gallery-repository.ts'
export {
  PROJECT_FIGURES,
  PROJECT_LIST,
  moveToCategory,
  noteProject,
  projectThing,
} from './project-repository.ts'

/** First path segments below /project/ that are pages, and a name that PyBossa's browser library cannot live with. */
const RESERVED_SHORT_NAMES = new Set([
  'category',
  'new',
  'task',
  'page',
  'featured',
  'draft',
  'historical_contributions',
  'newtask',
  'tasks',
])

const NO_TASKS: ProjectTotals = {
  nTasks: 0,
  nCalibrationTasks: 0,
  nWanted: 0,
  nCompletedTasks: 0,
  nTaskRuns: 0,
  nExtra: 0,
  nContributors: 0,
  lastActivity: null,
}

/** PyBossa's names and two of ours. `default` and `locked` are depth_first: every scheduler reserves places here. */
export const SCHEDULERS = [
  'default',
  'depth_first',
  'breadth_first',
  'depth_first_all',
  'random',
  'locked',
  'incremental',
] as const
export type Scheduler = (typeof SCHEDULERS)[number]

const projectFields = {
  name: z.string().trim().min(1, 'Give the project a name.').max(255, 'Use at most 255 characters.'),
  shortName: z
    .string()
    .trim()
    .min(1, 'Choose a short name: it becomes the address of the project.')
    .max(255, 'Use at most 255 characters.')
    .regex(/^[^\s$#&\\/|?%]+$/u, 'A short name has no blanks and none of $ # & \\ / | ? %')
    // Every browser takes these out of an address.
    .refine((name) => name !== '.' && name !== '..', 'A short name cannot be just . or ..'),
  description: z
    .string()
    .trim()
    .min(1, 'Say in one sentence what the project is about.')
    .max(255, 'Use at most 255 characters.'),
  longDescription: z.string().max(100_000, 'Use at most 100,000 characters.'),
  licence: z
    .string()
    .refine(
      (id) => findLicence(id) !== undefined,
      `Choose one of ${LICENCES.map(({ id }) => id).join(', ')}.`,
    )
    .nullable(),
  scheduler: z.enum(SCHEDULERS, `Choose one of ${SCHEDULERS.join(', ')}.`),
  leaseSeconds: z
    .int('Use a whole number of seconds.')
    .min(30, 'At least 30 seconds.')
    .max(86_400, 'At most a day.'),
  undoSeconds: z
    .int('Use a whole number of seconds.')
    .min(0, 'At least 0 seconds.')
    .max(600, 'At most 10 minutes.'),
  calibrationRate: z.number('Use a number.').min(0, 'At least 0.').max(0.9, 'At most 0.9.'),
  framePermissions: z.array(z.enum(FRAME_PERMISSIONS)),
}

/** What the form for a new project asks for. */
export const NewProjectForm = z.object({
  name: projectFields.name,
  shortName: projectFields.shortName,
  description: projectFields.description,
  longDescription: projectFields.longDescription.default(''),
  licence: projectFields.licence.default(null),
})

/** A project was to go into a category that is not there. */
export class UnknownCategoryError extends InvalidError {
  constructor() {
    // PyBossa's words.
    super('Some fields need another look.', { categoryId: 'category_id does not exist' })
  }
}

/** A short name is one of the site's own addresses. */
export class ReservedShortNameError extends InvalidError {
  constructor() {
    // PyBossa's words.
    const shortName = "Project short_name is not valid, as it's used by the system."
    super('Some fields need another look.', { shortName })
  }
}

export interface ProjectInput {
  name: string
  shortName: string
  description: string
  longDescription?: string | null
  categoryId?: number | undefined
  info?: JsonObject
  allowAnonymousContributors?: boolean | undefined
  webhook?: string | null
  licence?: string | null
}

/** What else a change of a project brings about, in the same transaction. */
export type Alongside = (tx: Tx, project: Project) => Promise<unknown>

/**
 * Creates a draft project that belongs to one person.
 *
 * @throws InvalidError with a message per field, also when the name or short name is taken;
 *   ReservedShortNameError; UnknownCategoryError.
 */
export async function createProject(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  owner: ProjectViewer,
  input: ProjectInput,
  alongside?: Alongside,
): Promise<Project> {
  const parsed = NewProjectForm.safeParse({ ...input, longDescription: input.longDescription ?? '' })
  if (!parsed.success) throw new InvalidError('Some fields need another look.', fieldErrors(parsed.error))
  refuseReserved(parsed.data.shortName)
  const secretKeySealed = await sealSecretKey(app, randomToken())
  return orRefused(() =>
    db.write(async (tx) => {
      const id = await insertProject(tx, {
        ...parsed.data,
        longDescription: parsed.data.longDescription || null,
        ownerId: owner.id,
        categoryId: input.categoryId,
        secretKeySealed,
        info: input.info ?? {},
        ...(input.allowAnonymousContributors === undefined
          ? {}
          : { allowAnonymousContributors: input.allowAnonymousContributors }),
        webhook: input.webhook ?? null,
      })
      const made = await findProject(tx, id)
      if (made) await alongside?.(tx, made)
      const project = await findProject(tx, id)
      if (!project) throw new NotFoundError('project', id)
      return project
    }),
  )
}

/** @throws ReservedShortNameError */
function refuseReserved(shortName: string): void {
  if (RESERVED_SHORT_NAMES.has(shortName.toLowerCase())) throw new ReservedShortNameError()
}

async function orRefused<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (violatedForeignKey(error) === 'project_category_id_fkey') throw new UnknownCategoryError()
    const constraint = violatedUnique(error)
    if (constraint === 'project_name_key') {
      throw new InvalidError('Some fields need another look.', {
        name: 'Another project has this name. Choose a different one.',
      })
    }
    if (constraint === 'project_short_name_key') {
      throw new InvalidError('Some fields need another look.', {
        shortName: 'Another project has this short name. Choose a different one.',
      })
    }
    throw error
  }
}

function sealSecretKey(app: Pick<App, 'sealer'>, key: string): Promise<string> {
  return app.sealer.seal('project-secret', key, Infinity)
}

/**
 * Gives a project a new secret key, and the audit log a line without it: tokens that were signed with the old one are
 * refused from then on.
 *
 * @throws UnauthenticatedError or ForbiddenError for others than owners.
 */
export async function resetSecretKey(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
): Promise<string> {
  const editor = mustEdit(viewer, project)
  const key = randomToken()
  const sealed = await sealSecretKey(app, key)
  await db.write(async (tx) => {
    await updateSecretKey(tx, project.id, sealed)
    await insertChanges(
      tx,
      { projectId: project.id, userId: editor.id, caller: 'web', requestId: currentRequestId() },
      [{ attribute: 'secret_key', before: undefined, after: undefined }],
    )
  })
  return key
}

/** The project's secret key, with which other sites sign for their people. For owners only. */
export async function openSecretKey(app: Pick<App, 'sealer'>, project: Project): Promise<string> {
  const key = await app.sealer.open('project-secret', project.secretKeySealed)
  if (typeof key !== 'string') throw new Error(`The secret key of project ${project.id} cannot be opened`)
  return key
}

/**
 * A project that this person may see.
 *
 * @throws NotFoundError; for a draft of somebody else UnauthenticatedError or ForbiddenError.
 */
export async function getProject(db: RequestDb, viewer: MaybeViewer, id: number): Promise<Project> {
  return readable(viewer, await db.read((reader) => findProject(reader, id)), id)
}

/** So long, in milliseconds, may a change of a project take to reach those who ask for tasks and answer them. */
const SERVED_MS = 1_000

const served = new WeakMap<Sealer, LRUCache<number, Project>>()

/**
 * A project for those who ask for tasks and answer them, who come by the hundreds a second: a published one may be a
 * second old. What decides about a task run is asked of the database again.
 *
 * @throws NotFoundError; for a draft of somebody else UnauthenticatedError or ForbiddenError.
 */
export async function getServedProject(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  viewer: MaybeViewer,
  id: number,
): Promise<Project> {
  const cache = served.get(app.sealer) ?? new LRUCache<number, Project>({ max: 1_000, ttl: SERVED_MS })
  served.set(app.sealer, cache)
  const known = cache.get(id)
  if (known) return known
  const project = await getProject(db, viewer, id)
  if (project.published) cache.set(id, project)
  return project
}

/** The same by short name. */
export async function getProjectByShortName(
  db: RequestDb,
  viewer: MaybeViewer,
  shortName: string,
): Promise<Project> {
  return readable(viewer, await db.read((reader) => findProjectByShortName(reader, shortName)), shortName)
}

/** A project that everybody may see. */
export async function findPublishedProject(db: RequestDb, shortName: string): Promise<Project | undefined> {
  const project = await db.read((reader) => findProjectByShortName(reader, shortName))
  return project && mayReadProject(undefined, project) ? project : undefined
}

/** The same by what stands in an address: an id, else a short name. */
export async function getProjectByName(db: RequestDb, viewer: MaybeViewer, name: string): Promise<Project> {
  return /^\d{1,15}$/.test(name)
    ? getProject(db, viewer, Number(name))
    : getProjectByShortName(db, viewer, name)
}

/** A project whoever asks, for rules of its own. @throws NotFoundError */
export async function getProjectById(db: RequestDb, id: number): Promise<Project> {
  const project = await db.read((reader) => findProject(reader, id))
  if (!project) throw new NotFoundError('project', id)
  return project
}

/** A project for somebody who proves to know its secret key; read from the primary, as keys are. */
export async function findProjectForToken(db: RequestDb, shortName: string): Promise<Project | undefined> {
  return db.readPrimary((primary) => findProjectByShortName(primary, shortName))
}

function readable(viewer: MaybeViewer, project: Project | undefined, name: number | string): Project {
  if (!project) throw new NotFoundError('project', name)
  if (!mayReadProject(viewer, project))
    throw refusal(viewer, 'This project is a draft: only its owners can see it.')
  return project
}

/** @throws UnauthenticatedError or ForbiddenError unless this person is an owner or an admin. */
export function mustEdit(viewer: MaybeViewer, project: Project): ProjectViewer {
  if (!viewer || !mayEditProject(viewer, project))
    throw refusal(viewer, 'Only owners of this project can do this.')
  return viewer
}

/**
 * Changes a project; each changed attribute leaves a line in the audit log.
 *
 * @throws InvalidError with a message per field; ReservedShortNameError; UnknownCategoryError; UnauthenticatedError or
 *   ForbiddenError for others than owners.
 */
export async function updateProject(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  changes: ProjectChanges,
  caller: 'web' | 'api',
  alongside?: Alongside,
): Promise<Project> {
  const editor = mustEdit(viewer, project)
  const parsed = z
    .object(projectFields)
    .partial()
    .safeParse({ ...changes, longDescription: changes.longDescription ?? undefined })
  if (!parsed.success) throw new InvalidError('Some fields need another look.', fieldErrors(parsed.error))
  // What was checked is what is stored: without the blanks around it.
  const checked: ProjectChanges = { ...changes, ...withoutUndefined(parsed.data) }
  if (checked.shortName !== undefined && checked.shortName !== project.shortName)
    refuseReserved(checked.shortName)
  return orRefused(() =>
    db.write(async (tx) => {
      await updateProjectColumns(tx, project.id, checked)
      await alongside?.(tx, project)
      await insertChanges(
        tx,
        { projectId: project.id, userId: editor.id, caller, requestId: currentRequestId() },
        differences(project, checked),
      )
      const updated = await findProject(tx, project.id)
      if (!updated) throw new NotFoundError('project', project.id)
      return updated
    }),
  )
}

/** Makes a presenter version the one that contributors see, within the transaction that added it. */
export async function changePresenterVersion(
  tx: Tx,
  project: Pick<Project, 'id' | 'presenterVersionId'>,
  change: { versionId: number; userId: number; caller: 'web' | 'api' },
): Promise<void> {
  const { versionId, userId, caller } = change
  await updateProjectColumns(tx, project.id, { presenterVersionId: versionId })
  await insertChanges(tx, { projectId: project.id, userId, caller, requestId: currentRequestId() }, [
    { attribute: 'presenter_version_id', before: project.presenterVersionId, after: versionId },
  ])
}

/** Shows a picture of a project from now on: its owner's change is noted already. */
export async function setProjectPicture(tx: Tx, projectId: number, thumbnailUrl: string): Promise<void> {
  await updateProjectColumns(tx, projectId, { thumbnailUrl })
}

/** Writes one change of a project's rules into its history. */
export async function recordChange(
  tx: Tx,
  project: Pick<Project, 'id'>,
  change: { userId: number; caller: 'web' | 'api'; attribute: string; after: Json },
): Promise<void> {
  const { userId, caller, attribute, after } = change
  await insertChanges(tx, { projectId: project.id, userId, caller, requestId: currentRequestId() }, [
    // Something was there before, which would be long: only what was created has nothing.
    { attribute, before: null, after },
  ])
}

function differences(before: Project, changes: ProjectChanges) {
  return (Object.keys(changes) as (keyof ProjectChanges)[])
    .map((attribute) => ({ attribute, before: before[attribute], after: changes[attribute] }))
    .filter(({ before: old, after }) => JSON.stringify(old) !== JSON.stringify(after))
}

/**
 * Changes in which order a project's tasks are handed out. It holds for new requests at once; the order keys of the
 * tasks follow in a job, without stopping anybody.
 *
 * @param options.changes of the project besides, in the same transaction.
 */
export async function changeScheduler(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  scheduler: Scheduler,
  options: { caller: 'web' | 'api'; changes?: ProjectChanges },
): Promise<Project> {
  const changes = { ...options.changes, scheduler }
  return updateProject(db, viewer, project, changes, options.caller, async (tx) => {
    await raiseEpoch(tx, project.id)
    await app.queue.enqueue(tx, 'reorder-tasks', { projectId: project.id })
  })
}

/**
 * Opens a project to everybody. Answers that were tried out on the draft are forgotten, in the same transaction.
 *
 * @throws InvalidError when it has no presenter or no tasks yet, or is published already.
 */
export async function publishProject(db: RequestDb, viewer: MaybeViewer, project: Project): Promise<void> {
  const editor = mustEdit(viewer, project)
  if (project.presenterVersionId === null)
    throw new InvalidError('Choose how tasks are presented before you publish.')
  await db.write(async (tx) => {
    // First, and in the transaction: what the caller read may be old, and a second reset would erase answers.
    if (!(await markPublished(tx, project.id))) throw new InvalidError('This project is published already.')
    if (!(await hasTasks(tx, project.id))) throw new InvalidError('Add tasks before you publish.')
    await resetDraft(tx, project.id)
    await insertChanges(
      tx,
      { projectId: project.id, userId: editor.id, caller: 'web', requestId: currentRequestId() },
      [{ attribute: 'published', before: false, after: true }],
    )
  })
}

/** @throws ForbiddenError while results exist: contributed work does not vanish. */
export async function deleteProject(db: RequestDb, viewer: MaybeViewer, project: Project): Promise<void> {
  mustEdit(viewer, project)
  await db.write(async (tx) => {
    if (await hasResults(tx, project.id)) {
      throw new ForbiddenError(
        'This project has results: people gave their time for them, so it cannot be deleted.',
      )
    }
    await deleteProjectRows(tx, project.id)
  })
}

export interface ProjectWithTotals {
  project: Project
  totals: ProjectTotals
}

async function withTotals(db: RequestDb, projects: Project[]): Promise<ProjectWithTotals[]> {
  const totals = await db.read((reader) =>
    findTotals(
      reader,
      projects.map(({ id }) => id),
    ),
  )
  return projects.map((project) => ({ project, totals: totals.get(project.id) ?? NO_TASKS }))
}

/** A project's figures, exact. */
export async function getTotals(db: RequestDb, projectId: number): Promise<ProjectTotals> {
  const totals = await db.read((reader) => findTotals(reader, [projectId]))
  return totals.get(projectId) ?? NO_TASKS
}

export async function listPublishedProjects(db: RequestDb, page: ProjectPage): Promise<ProjectWithTotals[]> {
  return withTotals(db, await db.read((reader) => listPublished(reader, page)))
}

/** A page of published projects of a kind, and how many there are of it. */
export async function listProjectGallery(
  db: RequestDb,
  filter: GalleryFilter,
  page: GalleryPage,
): Promise<{ projects: ProjectWithTotals[]; total: number }> {
  const [found, total] = await Promise.all([
    db.read((reader) => listGallery(reader, filter, page)),
    db.read((reader) => countGallery(reader, filter)),
  ])
  return { projects: await withTotals(db, found), total }
}

/** A project is featured, or is not, as somebody wants it to be. */
export class FeaturedAlreadyError extends AppError {
  constructor(projectId: number, featured: boolean) {
    // PyBossa's words.
    super('conflict', `Project.id ${projectId} ${featured ? 'already' : 'is not'} featured`)
  }
}

/**
 * Features a project, or ends that; the audit log tells who did.
 *
 * @throws NotFoundError; FeaturedAlreadyError; InvalidError for a draft; UnauthenticatedError or ForbiddenError for others
 *   than admins.
 */
export async function featureProject(
  db: RequestDb,
  viewer: MaybeViewer,
  id: number,
  featured: boolean,
): Promise<Project> {
  const admin = mustBeAdmin(viewer)
  return db.write(async (tx) => {
    const project = await findProject(tx, id)
    if (!project) throw new NotFoundError('project', id)
    if (featured && !project.published)
      throw new InvalidError('A draft cannot be featured: nobody else sees it. Its owner publishes it first.')
    if (!(await markFeatured(tx, id, featured))) throw new FeaturedAlreadyError(id, featured)
    await insertChanges(
      tx,
      { projectId: id, userId: admin.id, caller: 'web', requestId: currentRequestId() },
      [{ attribute: 'featured', before: !featured, after: featured }],
    )
    return { ...project, featured }
  })
}

/** Projects that need hands now. */
export async function listOpenProjects(
  db: RequestDb,
  limit: number,
  exceptId?: number,
): Promise<ProjectWithTotals[]> {
  return withTotals(db, await db.read((reader) => listWithOpenTasks(reader, limit, exceptId)))
}

export async function listCompletedProjects(db: RequestDb, limit: number): Promise<ProjectWithTotals[]> {
  return withTotals(db, await db.read((reader) => listCompleted(reader, limit)))
}

export async function listOwnedProjects(db: RequestDb, owner: ProjectViewer): Promise<ProjectWithTotals[]> {
  return withTotals(db, await db.read((reader) => listOwned(reader, owner.id)))
}

/** Of a project only its owners and admins see these, or all of them. */
const OWNERS_FIELDS = new Set(['webhook', 'info', 'contacted', 'zipDownload'])

/**
 * A page of projects by their attributes, as records of the list's fields. Who asks by what owners alone see gets only
 * own ones.
 */
export async function listProjectRecords(db: RequestDb, query: ListQuery): Promise<Project[]> {
  const isForOwners = fieldsAsked(query).some((field) => OWNERS_FIELDS.has(field))
  return db.read((reader) => listRows<Project>(reader, projectList, { ...query, isForOwners }))
}
