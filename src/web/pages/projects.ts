import { Router } from '@koa/router'
import { mayEditProject } from '../../domain/projects/project-policy.ts'
import type { MaybeViewer } from '../../domain/projects/project-policy.ts'
import { CATEGORIES, listAllCategories } from '../../domain/categories/category-service.ts'
import {
  PROJECT_FIGURES,
  PROJECT_LIST,
  createProject,
  findPublishedProject,
  getProjectByShortName,
  getTotals,
  listPublishedProjects,
  mustEdit,
  projectThing,
  publishProject,
  resetSecretKey,
  updateProject,
} from '../../domain/projects/project-service.ts'
import type { Project, ProjectTotals, ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { parseWebhook } from '../../domain/webhooks/webhook-service.ts'
import { PEOPLE, getAvatar, getUserById } from '../../domain/users/user-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import { pathText, queryNumber } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { View, Views } from '../../http/views.ts'
import { NotFoundError } from '../../lib/errors.ts'
import { LICENCES, findLicence } from '../../lib/licences.ts'
import { proposedShortName } from '../../lib/short-name.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { galleryTabs } from './gallery.ts'
import { projectCard, projectUrl, safeDescription } from './project-card.ts'
import type { ReadyPages } from './ready-pages.ts'

const PER_PAGE = 12

/** The project that an address names. @throws NotFoundError, UnauthenticatedError, ForbiddenError */
export async function projectOf(ctx: Context): Promise<Project> {
  return getProjectByShortName(ctx.state.db, ctx.state.viewer, namedIn(ctx))
}

/** The short name in an address. @throws NotFoundError for what is none. */
export function namedIn(ctx: Context): string {
  const shortName = pathText(ctx, 'shortName')
  // The database has no text with a NUL, hence no such project.
  if (shortName.includes('\0')) throw new NotFoundError('project', shortName)
  return shortName
}

/** The same for its owners only, with its figures. */
export async function ownedProjectOf(ctx: Context): Promise<ProjectWithTotals> {
  requireViewer(ctx)
  const project = await projectOf(ctx)
  mustEdit(ctx.state.viewer, project)
  return { project, totals: await getTotals(ctx.state.db, project.id) }
}

/** Lists of projects, and a project's own pages for visitors and owners. */
export function projectRoutes(app: App, views: Views, readyPages: ReadyPages): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project' })

  router.get('/', async (ctx) => {
    const before = queryNumber(ctx, 'before')
    const page = await readyPages({
      name: 'project-list',
      key: String(before ?? 'first'),
      of: [PROJECT_LIST, PROJECT_FIGURES, CATEGORIES],
      async make(db) {
        const found = await listPublishedProjects(db, { before, limit: PER_PAGE + 1 })
        const shown = found.slice(0, PER_PAGE)
        const last = shown.at(-1)
        const nextUrl = found.length > PER_PAGE && last ? `/project/?before=${last.project.id}` : null
        const categories = galleryTabs(await listAllCategories(db))
        const view = { projects: shown.map(projectCard), categories, nextUrl }
        return { template: 'pages/projects/list.html', view }
      },
    })
    if (page) views.renderFragment(ctx, page.fragment)
  })

  router.get('/new', (ctx) => {
    requireViewer(ctx)
    views.render(ctx, 'pages/projects/new.html', { form: { values: {}, errors: {} } })
  })

  router.post('/new', async (ctx) => {
    const viewer = requireViewer(ctx)
    const values = await readForm(ctx)
    const { name = '', description = '', longDescription = '' } = values
    const shortName = values['shortName']?.trim() || proposedShortName(name)
    const again = ({ errors }: FormView) => {
      views.render(ctx, 'pages/projects/new.html', { form: { values: { ...values, shortName }, errors } })
    }
    await orShowAgain(ctx, values, again, async () => {
      const project = await createProject(app, ctx.state.db, viewer, {
        name,
        shortName,
        description,
        longDescription,
      })
      ctx.redirect(`${projectUrl(project)}tasks/`)
    })
  })

  router.get('/:shortName/', async (ctx) => {
    const shortName = namedIn(ctx)
    const page = await readyPages({
      name: 'project',
      key: shortName,
      of: [projectThing(shortName), PEOPLE],
      async make(db) {
        const project = await findPublishedProject(db, shortName)
        if (!project) return undefined
        const view = await projectView(db, undefined, project)
        return { template: 'pages/projects/show.html', view, ownerIds: project.ownerIds }
      },
    })
    const { db, viewer } = ctx.state
    if (page && !mayEditProject(viewer, page)) {
      views.renderFragment(ctx, page.fragment)
      return
    }
    const project = await projectOf(ctx)
    views.render(ctx, 'pages/projects/show.html', await projectView(db, viewer, project))
  })

  router.get('/:shortName/tasks/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const { project, totals } = owned
    const url = projectUrl(project)
    const hasPresenter = project.presenterVersionId !== null
    views.render(ctx, 'pages/projects/workbench.html', {
      project: projectCard(owned),
      steps: [
        { title: 'Add tasks', done: totals.nTasks > 0, url: `${url}tasks/import`, text: 'from a CSV file' },
        {
          title: 'Write the question',
          done: hasPresenter,
          url: `${url}tasks/taskpresentereditor`,
          text: 'and its choices',
        },
      ],
      canPublish: hasPresenter && totals.nTasks > 0,
    })
  })

  router.post('/:shortName/publish', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    await publishProject(ctx.state.db, ctx.state.viewer, project)
    leaveFlash(ctx, app, 'project-published', { address: `${app.config.site.url}${projectUrl(project)}` })
    ctx.redirect(`${projectUrl(project)}tasks/`)
  })

  router.get('/:shortName/resetsecretkey', async (ctx) => {
    views.render(ctx, 'pages/projects/secret-key.html', { project: projectCard(await ownedProjectOf(ctx)) })
  })

  router.post('/:shortName/resetsecretkey', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const { db, viewer } = ctx.state
    const newKey = await resetSecretKey(app, db, viewer, owned.project)
    views.render(ctx, 'pages/projects/secret-key.html', { project: projectCard(owned), newKey })
  })

  async function showSettings(ctx: Context, owned: ProjectWithTotals, form: FormView) {
    const categories = await listAllCategories(ctx.state.db)
    views.render(ctx, 'pages/projects/settings.html', {
      project: projectCard(owned),
      categories: categories.map(({ id, name }) => ({ value: String(id), label: name })),
      form,
      licences: LICENCES.map(({ id, title }) => ({ value: id, label: title })),
    })
  }

  router.get('/:shortName/update', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const { name, description, longDescription, categoryId, allowAnonymousContributors, webhook, licence } =
      owned.project
    await showSettings(ctx, owned, {
      values: {
        name,
        description,
        longDescription: longDescription ?? '',
        categoryId: String(categoryId),
        allowAnonymousContributors,
        webhook: webhook ?? '',
        licence: licence ?? '',
      },
      errors: {},
    })
  })

  router.post('/:shortName/update', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const again = (form: FormView) => showSettings(ctx, owned, form)
    await orShowAgain(ctx, values, again, async () => {
      await updateProject(ctx.state.db, ctx.state.viewer, owned.project, settingsIn(values), 'web')
      leaveFlash(ctx, app, 'settings-saved')
      ctx.redirect(`${projectUrl(owned.project)}tasks/`)
    })
  })

  return router
}

/** What a form of settings, or the same as JSON, asks for; what it does not name stays as it is. */
function settingsIn(values: Readonly<Record<string, string>>) {
  const { name = '', description = '', longDescription = '', licence, webhook } = values
  const category = values['categoryId'] ?? values['category_id']
  return {
    name,
    description,
    longDescription,
    // A checkbox says on, JSON says true.
    allowAnonymousContributors: /^(on|true)$/.test(values['allowAnonymousContributors'] ?? ''),
    ...(licence === undefined ? {} : { licence: licence || null }),
    // A number that is none of a category's is refused like one that is gone.
    ...(category === undefined ? {} : { categoryId: /^\d{1,15}$/.test(category) ? Number(category) : 0 }),
    ...(webhook === undefined ? {} : { webhook: parseWebhook(webhook) }),
  }
}

/** A project's page, as this person sees it. */
async function projectView(db: RequestDb, viewer: MaybeViewer, project: Project): Promise<View> {
  const [totals, owner, ownerAvatarUrl] = await Promise.all([
    getTotals(db, project.id),
    getUserById(db, project.ownerId),
    getAvatar(db, project.ownerId),
  ])
  return {
    project: {
      ...projectCard({ project, totals }),
      longDescriptionHtml: safeDescription(project.longDescription),
      licence: findLicence(project.licence) ?? null,
      ownerName: owner.fullName,
      ownerAvatarUrl,
    },
    // A kept page may be shown for long while there is no server to keep a newer one.
    asOf: new Date().toISOString(),
    mayEdit: mayEditProject(viewer, project),
    canStart: project.presenterVersionId !== null && totals.nTasks > totals.nCompletedTasks,
    missing: missingIn(project, totals),
  }
}

/** What keeps people from answering a project's tasks. */
function missingIn(project: Project, { nTasks }: ProjectTotals): string | null {
  const hasQuestion = project.presenterVersionId !== null
  if (nTasks === 0) return hasQuestion ? 'tasks' : 'tasks-and-question'
  if (!hasQuestion) return 'question'
  return project.published ? null : 'publishing'
}
