import { Router } from '@koa/router'
import type { Context, RequestState } from '../../http/state.ts'
import { addPresenterVersion, findPresentersOf } from '../../domain/presenters/presenter-service.ts'
import type { CodePresenter, PresenterVersion } from '../../domain/presenters/presenter-service.ts'
import { mayEditProject } from '../../domain/projects/project-policy.ts'
import {
  ReservedShortNameError,
  UnknownCategoryError,
  createProject,
  deleteProject,
  getProject,
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
import { booleanOf, checkKeys, idOf, integerOf, objectOf, readObject, textOf } from './input.ts'
import { listArguments, refuseUnknownArguments } from './list-arguments.ts'
import { link, toWire } from './output.ts'

const NAMES = {
  id: 'id',
  created: 'created',
  updated: 'updated',
  name: 'name',
  short_name: 'shortName',
  description: 'description',
  long_description: 'longDescription',
  webhook: 'webhook',
  allow_anonymous_contributors: 'allowAnonymousContributors',
  published: 'published',
  featured: 'featured',
  zip_download: 'zipDownload',
  contacted: 'contacted',
  owner_id: 'ownerId',
  category_id: 'categoryId',
  owners_ids: 'ownerIds',
  info: 'info',
} as const

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
])
const PUBLIC_INFO = new Set([
  'container',
  'thumbnail',
  'thumbnail_url',
  'task_presenter',
  'tutorial',
  'sched',
])

const RESERVED = ['id', 'created', 'updated', 'completed', 'contacted', 'secret_key']
const KNOWN = [...Object.keys(NAMES), 'secret_key']

/** /api/project */
export function projectRoutes(app: App): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project' })
  router.use(refuseUnknownArguments('Project', KNOWN))

  router.get('/', async (ctx) => {
    const query = listArguments(ctx, { className: 'Project', names: NAMES, hasOwnership: true })
    const records = await listProjectRecords(ctx.state.db, query)
    ctx.body = await wire(app, ctx, records, true)
  })

  router.get('/:id', async (ctx) => {
    const project = await getProject(ctx.state.db, ctx.state.viewer, idOf(ctx))
    ;[ctx.body] = await wire(app, ctx, [project], true)
  })

  router.post('/', async (ctx) => {
    const body = projectBody(await readObject(ctx))
    if (!ctx.state.viewer) throw new UnauthenticatedError('You have to send an API key.')
    const { info, presenter } = splitInfo(objectOf(body['info'], 'info') ?? {}, undefined)
    const owner = ctx.state.viewer
    const input = {
      name: textOf(body['name'], 'name') ?? '',
      shortName: textOf(body['short_name'], 'short_name') ?? '',
      description: textOf(body['description'], 'description') ?? '',
      longDescription: textOf(body['long_description'], 'long_description') ?? null,
      categoryId: integerOf(body['category_id'], 'category_id'),
      allowAnonymousContributors: booleanOf(
        body['allow_anonymous_contributors'],
        'allow_anonymous_contributors',
      ),
      webhook: textOf(body['webhook'], 'webhook') ?? null,
      info,
    }
    const alongside = presenter && presenterChange(presenter, owner)
    const project = await createProject(app, ctx.state.db, owner, input, alongside).catch(throwInPybossaClass)
    ;[ctx.body] = await wire(app, ctx, [project], false)
  })

  router.put('/:id', async (ctx) => {
    const project = await getProject(ctx.state.db, ctx.state.viewer, idOf(ctx))
    mustEdit(ctx.state.viewer, project)
    const body = projectBody(await readObject(ctx))
    const current = await currentPresenter(ctx, project)
    const given = objectOf(body['info'], 'info')
    const split = given && splitInfo(given, current)
    const changes = { ...changesOf(body), ...(split ? { info: split.info } : {}) }
    const editor = mustEdit(ctx.state.viewer, project)
    const alongside = split?.presenter && presenterChange(split.presenter, editor)
    const updated = await updateProject(ctx.state.db, editor, project, changes, 'api', alongside).catch(
      throwInPybossaClass,
    )
    ;[ctx.body] = await wire(app, ctx, [updated], false)
  })

  router.delete('/:id', async (ctx) => {
    const project = await getProject(ctx.state.db, ctx.state.viewer, idOf(ctx))
    await deleteProject(ctx.state.db, ctx.state.viewer, project)
    ctx.status = 204
  })

  return router
}

/** What PyBossa finds before its database does has a class of its own there. */
function throwInPybossaClass(error: unknown): never {
  if (error instanceof UnknownCategoryError)
    throw new ApiError('BadRequest', String(error.fields['categoryId']))
  if (error instanceof ReservedShortNameError)
    throw new ApiError('ValueError', String(error.fields['shortName']))
  throw error
}

/** @throws ApiError BadRequest, Forbidden or TypeError for keys that may not be given. */
function projectBody(body: JsonObject): JsonObject {
  if ('published' in body) throw new ApiError('Forbidden', 'You cannot publish a project via the API')
  return checkKeys(body, { noun: 'Project', known: KNOWN, reserved: RESERVED })
}

/** What a PUT changes; computed and protected fields that GET returned are taken back without effect. */
function changesOf(body: JsonObject): ProjectChanges {
  const longDescription = textOf(body['long_description'], 'long_description')
  const webhook = textOf(body['webhook'], 'webhook')
  const candidates = {
    name: requiredText(body, 'name'),
    shortName: requiredText(body, 'short_name'),
    description: requiredText(body, 'description'),
    longDescription: 'long_description' in body ? (longDescription ?? null) : undefined,
    webhook: 'webhook' in body ? (webhook ?? null) : undefined,
    categoryId: integerOf(body['category_id'], 'category_id'),
    allowAnonymousContributors: booleanOf(
      body['allow_anonymous_contributors'],
      'allow_anonymous_contributors',
    ),
    zipDownload: booleanOf(body['zip_download'], 'zip_download'),
  }
  return Object.fromEntries(Object.entries(candidates).filter(([, value]) => value !== undefined))
}

/** A text that a project cannot be without: null is as empty as no letters, and refused like them. */
function requiredText(body: JsonObject, name: string): string | undefined {
  return name in body ? (textOf(body[name], name) ?? '') : undefined
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
  const tutorial = textOf(tutorialText, 'tutorial') ?? null
  if (typeof code !== 'string' || code === '') return { info: rest, presenter: undefined }
  const isSame = current?.kind === 'code' && current.code === code && current.tutorial === tutorial
  return { info: rest, presenter: isSame ? undefined : { kind: 'code', code, tutorial } }
}

/** Projects in the API's shape, as much of them as the caller may see. */
async function wire(
  app: App,
  ctx: Context,
  projects: Project[],
  isGet: boolean,
): Promise<Record<string, unknown>[]> {
  const presenters = await findPresentersOf(ctx.state.db, projects)
  return Promise.all(
    projects.map(async (project) => {
      const presenter = presenters.get(project.id)
      const whole = { ...toWire(project, NAMES), info: infoWith(project, presenter) }
      const links = {
        link: link(app.config.site.url, 'project', project.id),
        links: [link(app.config.site.url, 'category', project.categoryId, 'category')],
      }
      const shown = mayEditProject(ctx.state.viewer, project)
        ? { ...whole, secret_key: await openSecretKey(app, project) }
        : publicPart(whole)
      return isGet ? { ...shown, ...links } : shown
    }),
  )
}

function infoWith(project: Project, presenter: PresenterVersion | undefined): JsonObject {
  const thumbnail = project.thumbnailUrl === null ? {} : { thumbnail_url: project.thumbnailUrl }
  if (presenter?.kind !== 'code') return { ...thumbnail, ...project.info }
  const tutorial = presenter.tutorial === null ? {} : { tutorial: presenter.tutorial }
  return { ...thumbnail, ...project.info, task_presenter: presenter.code, ...tutorial }
}

function publicPart(whole: Record<string, unknown> & { info: JsonObject }): Record<string, unknown> {
  const info = Object.fromEntries(Object.entries(whole.info).filter(([key]) => PUBLIC_INFO.has(key)))
  return { ...Object.fromEntries(Object.entries(whole).filter(([key]) => PUBLIC.has(key))), info }
}
