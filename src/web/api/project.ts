import { z } from 'zod'
import type { Context } from '../../http/state.ts'
import { addPresenterVersion, findPresentersOf } from '../../domain/presenters/presenter-service.ts'
import type { CodePresenter, PresenterVersion } from '../../domain/presenters/presenter-service.ts'
import { mayEditProject } from '../../domain/projects/project-policy.ts'
import {
  ReservedShortNameError,
  UnknownCategoryError,
  createProject,
  deleteProject,
  getProject,
  getProjectByName,
  getProjectByShortName,
  getTotals,
  listProjectRecords,
  mustEdit,
  openSecretKey,
  updateProject,
} from '../../domain/projects/project-service.ts'
import type { Alongside, Project, ProjectChanges } from '../../domain/projects/project-service.ts'
import { UnauthenticatedError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { JsonObject } from '../../platform/schema.ts'
import { ApiError } from './errors.ts'
import { nameOf } from './input.ts'
import { checkValue, defineNoun } from './noun.ts'
import type { BodyOf } from './noun.ts'
import type { Operation } from './operation.ts'
import { toWire } from './output.ts'
import { linksOf, resource } from './resource.ts'
import { statisticsOfProjects } from './statistics.ts'
import { boolean, integer, integers, jsonObject, text, time } from './values.ts'

const PROJECT = defineNoun({
  path: 'project',
  className: 'Project',
  hasOwnership: true,
  parents: { category_id: 'category' },
  listArguments: { stats: text.meta({ description: 'Any value: objects hold the figures of the project.' }) },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    created: { field: 'created', schema: time, use: 'reserved' },
    updated: { field: 'updated', schema: time, use: 'reserved' },
    name: { field: 'name', schema: text },
    short_name: { field: 'shortName', schema: text },
    description: { field: 'description', schema: text },
    long_description: { field: 'longDescription', schema: text },
    licence: { field: 'licence', schema: text },
    webhook: { field: 'webhook', schema: text, isPrivate: true },
    allow_anonymous_contributors: { field: 'allowAnonymousContributors', schema: boolean, isPrivate: true },
    published: {
      field: 'published',
      schema: boolean,
      use: 'reserved',
      isPrivate: true,
      refusal: ['Forbidden', 'You cannot publish a project via the API'],
    },
    featured: { field: 'featured', schema: boolean, use: 'ignored' },
    zip_download: { field: 'zipDownload', schema: boolean, isPrivate: true },
    contacted: { field: 'contacted', schema: boolean, use: 'reserved', isPrivate: true },
    owner_id: { field: 'ownerId', schema: integer, use: 'ignored' },
    category_id: { field: 'categoryId', schema: integer },
    owners_ids: { field: 'ownerIds', schema: integers, use: 'ignored' },
    info: { field: 'info', schema: jsonObject },
    secret_key: { field: 'secretKey', schema: text, use: 'reserved', isComputed: true, isPrivate: true },
  },
})

type ProjectBody = BodyOf<typeof PROJECT.attributes>

/** What everybody may see; owners and admins see all of it and the secret key. */
const PUBLIC = new Set([
  'id',
  'description',
  'info',
  'name',
  'short_name',
  'created',
  'category_id',
  'long_description',
  'updated',
  'featured',
  'owner_id',
  'owners_ids',
  'licence',
])
const PUBLIC_INFO = new Set([
  'container',
  'thumbnail',
  'thumbnail_url',
  'task_presenter',
  'tutorial',
  'sched',
])

/** /api/project */
export function projectOperations(app: App): Operation[] {
  return [
    ...resource(app, PROJECT, {
      extras: { stats: statisticsOfProjects },

      list: (ctx, query) => listProjectRecords(ctx.state.db, query),

      read: (ctx, id) => getProject(ctx.state.db, ctx.state.viewer, id),

      create(ctx, body) {
        const owner = ctx.state.viewer
        if (!owner) throw new UnauthenticatedError('You have to send an API key.')
        const { info, presenter } = splitInfo(body.info ?? {}, undefined)
        const input = {
          name: body.name ?? '',
          shortName: body.short_name ?? '',
          description: body.description ?? '',
          longDescription: body.long_description ?? null,
          categoryId: body.category_id ?? undefined,
          allowAnonymousContributors: body.allow_anonymous_contributors ?? undefined,
          webhook: body.webhook ?? null,
          licence: body.licence ?? null,
          info,
        }
        const alongside = presenter && presenterChange(presenter, owner)
        return createProject(app, ctx.state.db, owner, input, alongside).catch(throwInPybossaClass)
      },

      async update(ctx, id, read) {
        const { db, viewer } = ctx.state
        const project = await getProject(db, viewer, id)
        const editor = mustEdit(viewer, project)
        const body = await read()
        const split = body.info ? splitInfo(body.info, await currentPresenter(ctx, project)) : undefined
        const changes = { ...changesOf(body), ...(split ? { info: split.info } : {}) }
        const alongside = split?.presenter && presenterChange(split.presenter, editor)
        return updateProject(db, editor, project, changes, 'api', alongside).catch(throwInPybossaClass)
      },

      async remove(ctx, id) {
        const project = await getProject(ctx.state.db, ctx.state.viewer, id)
        await deleteProject(ctx.state.db, ctx.state.viewer, project)
      },

      show: (ctx, projects) => projectRecords(app, ctx, projects),
    }),
    {
      method: 'get',
      path: '/projectbyname/:shortName',
      summary: 'Read one project by its short name',
      shown: PROJECT.shown,
      async handle(ctx) {
        const { db, viewer } = ctx.state
        const project = await getProjectByShortName(db, viewer, nameOf(ctx, 'shortName'))
        const [object = {}] = await projectRecords(app, ctx, [project])
        ctx.body = { ...object, ...linksOf(app, PROJECT, object) }
      },
    },
    {
      method: 'get',
      path: '/project/:id/taskprogress',
      summary: 'How far the tasks of a project have come; the id may be the short name',
      shown: TaskProgress,
      async handle(ctx) {
        const { db, viewer } = ctx.state
        const project = await getProjectByName(db, viewer, nameOf(ctx))
        const totals = await getTotals(db, project.id)
        ctx.body = {
          task_count: totals.nTasks,
          n_completed_tasks: totals.nCompletedTasks,
          n_ongoing_tasks: totals.nTasks - totals.nCompletedTasks,
          n_task_runs: totals.nTaskRuns,
          n_remaining_task_runs: Math.max(0, totals.nWanted - totals.nTaskRuns),
        }
      },
    },
  ]
}

const TaskProgress = z.strictObject({
  task_count: z.int(),
  n_completed_tasks: z.int(),
  n_ongoing_tasks: z.int(),
  n_task_runs: z.int(),
  n_remaining_task_runs: z.int(),
})

/** What PyBossa finds before its database does has a class of its own there. */
function throwInPybossaClass(error: unknown): never {
  if (error instanceof UnknownCategoryError)
    throw new ApiError('BadRequest', String(error.fields['categoryId']))
  if (error instanceof ReservedShortNameError)
    throw new ApiError('ValueError', String(error.fields['shortName']))
  throw error
}

/** What a PUT changes; computed and protected fields that GET returned are taken back without effect. */
function changesOf(body: ProjectBody): ProjectChanges {
  const candidates = {
    name: required(body.name),
    shortName: required(body.short_name),
    description: required(body.description),
    longDescription: body.long_description,
    webhook: body.webhook,
    licence: body.licence,
    categoryId: body.category_id ?? undefined,
    allowAnonymousContributors: body.allow_anonymous_contributors ?? undefined,
    zipDownload: body.zip_download ?? undefined,
  }
  return Object.fromEntries(Object.entries(candidates).filter(([, value]) => value !== undefined))
}

/** A text that a project cannot be without: null is as empty as no letters, and refused like them. */
function required(value: string | null | undefined): string | undefined {
  return value === null ? '' : value
}

async function currentPresenter(ctx: Context, project: Project): Promise<PresenterVersion | undefined> {
  return (await findPresentersOf(ctx.state.db, [project])).get(project.id)
}

function presenterChange(presenter: CodePresenter, { id: userId }: { id: number }): Alongside {
  return (tx, project) => addPresenterVersion(tx, project, presenter, { userId, caller: 'api' })
}

/** PyBossa keeps presenter and tutorial inside info; here they are a version of their own, when they changed. */
function splitInfo(
  info: JsonObject,
  current: PresenterVersion | undefined,
): { info: JsonObject; presenter: CodePresenter | undefined } {
  const { task_presenter: code, tutorial: tutorialText, ...rest } = info
  const tutorial = checkValue(text.nullish(), tutorialText, 'tutorial') ?? null
  if (typeof code !== 'string' || code === '') return { info: rest, presenter: undefined }
  const isSame = current?.kind === 'code' && current.code === code && current.tutorial === tutorial
  return { info: rest, presenter: isSame ? undefined : { kind: 'code', code, tutorial } }
}

/** Projects in the API's shape, as much of them as the caller may see. */
export async function projectRecords(
  app: App,
  ctx: Context,
  projects: readonly Project[],
): Promise<Record<string, unknown>[]> {
  const presenters = await findPresentersOf(ctx.state.db, projects)
  return Promise.all(
    projects.map(async (project) => {
      const info = infoWith(project, presenters.get(project.id))
      const whole = { ...toWire(project, PROJECT.names), info }
      if (!mayEditProject(ctx.state.viewer, project)) return publicPart(whole)
      return { ...whole, secret_key: await openSecretKey(app, project) }
    }),
  )
}

function infoWith(project: Project, presenter: PresenterVersion | undefined): JsonObject {
  const thumbnail = thumbnailWords(project.thumbnailUrl)
  if (presenter?.kind !== 'code') return { ...thumbnail, ...project.info }
  const tutorial = presenter.tutorial === null ? {} : { tutorial: presenter.tutorial }
  return { ...thumbnail, ...project.info, task_presenter: presenter.code, ...tutorial }
}

/** PyBossa's words for a picture: its address, and for one that was sent where it is kept. */
function thumbnailWords(url: string | null): JsonObject {
  if (url === null) return {}
  const [, container, thumbnail] = /\/uploads\/([^/]+)\/([^/]+)$/.exec(url) ?? []
  return { thumbnail_url: url, ...(container && thumbnail ? { container, thumbnail } : {}) }
}

function publicPart(whole: Record<string, unknown> & { info: JsonObject }): Record<string, unknown> {
  const info = Object.fromEntries(Object.entries(whole.info).filter(([key]) => PUBLIC_INFO.has(key)))
  return { ...Object.fromEntries(Object.entries(whole).filter(([key]) => PUBLIC.has(key))), info }
}
