import { Router } from '@koa/router'
import { ownProgress, requestTask } from '../../domain/assignment/assignment-service.ts'
import { skippedTasks } from '../../domain/contributors/contributor-service.ts'
import { findFieldGuide } from '../../domain/field-guides/field-guide-service.ts'
import { getPresenter } from '../../domain/presenters/presenter-service.ts'
import { getTotals, listOpenProjects } from '../../domain/projects/project-service.ts'
import type { PresenterVersion } from '../../domain/presenters/presenter-service.ts'
import type { Project } from '../../domain/projects/project-service.ts'
import { getTask } from '../../domain/tasks/task-service.ts'
import { contributorMark, ensureDevice } from '../../http/identify.ts'
import { limitTries } from '../../http/rate-limit.ts'
import { pathId } from '../../http/request-values.ts'
import { setCookie } from '../../http/sessions.ts'
import { writes } from '../../http/state.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { NotFoundError, UnauthenticatedError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { frameFor } from '../presenter/frame-for.ts'
import { fieldGuideHtml } from './field-guide-html.ts'
import { showTutorial } from './owner-html.ts'
import { projectCard } from './project-card.ts'
import { projectOf } from './projects.ts'

const TUTORIAL_SECONDS = 365 * 86_400
const TOO_MANY_DEVICES =
  'Many people from your network have begun here just now. You can go on when you sign in.'

/** The page where people answer tasks. The only one that makes a browser a contributor. */
export function contributeRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/:shortName' })
  const countNewDevice = limitTries(app, 'devices', undefined, TOO_MANY_DEVICES)

  async function show(ctx: Context, project: Project, taskId: number | undefined) {
    if (!project.allowAnonymousContributors && !ctx.state.viewer) throw new UnauthenticatedError()
    if (project.presenterVersionId === null) {
      throw new NotFoundError('question yet in the project', project.name)
    }
    await ensureDevice(ctx, app, countNewDevice)
    const { db, contributor } = ctx.state
    const [presenter, totals, ownCount, skippedCount, others, frame, guide] = await Promise.all([
      getPresenter(db, project.presenterVersionId),
      getTotals(db, project.id),
      ownProgress(app, db, project.id, contributor),
      skippedTasks(app, db, project.id, contributor),
      listOpenProjects(db, 2, project.id),
      frameFor(app, ctx, project, { version: project.presenterVersionId }),
      findFieldGuide(db, project),
    ])
    const tutorial = tutorialOf(presenter)
    const isTutorialNew = tutorial.isThere && !hasSeenTutorial(ctx, project)
    // HTML of the owner's own has the page to itself, so a task that the address names goes before it.
    if (isTutorialNew && tutorial.isOwnPage && taskId === undefined) {
      rememberTutorial(ctx, project, app)
      await showTutorial(ctx, { app, views, project, presenter })
      return
    }
    views.render(ctx, 'pages/contribute/task.html', {
      project: projectCard({ project, totals }),
      frame,
      taskId: taskId ?? null,
      contributor: contributorMark(app, contributor),
      ownCount,
      undoSeconds: project.undoSeconds,
      skippedCount,
      tutorial: tutorial.text,
      hasTutorialPage: tutorial.isOwnPage,
      showTutorial: isTutorialNew,
      presenterVersion: presenter.id,
      guideHtml: guide ? fieldGuideHtml(guide.markdown, app.config.site.url) : null,
      others: others.map(projectCard),
    })
    if (isTutorialNew && tutorial.text !== null) rememberTutorial(ctx, project, app)
  }

  router.get(['/newtask', '/presenter'], async (ctx) => {
    await show(ctx, await projectOf(ctx), undefined)
  })

  router.get('/task/:taskId', writes, async (ctx) => {
    const project = await projectOf(ctx)
    const taskId = pathId(ctx, 'taskId')
    const task = await getTask(ctx.state.db, taskId)
    if (task.projectId !== project.id) throw new NotFoundError('task', taskId)
    await show(ctx, project, task.id)
    // Opening a task is a request for it.
    if (isLookedAt(ctx)) {
      await requestTask(app, ctx.state.db, task, ctx.state.contributor)
    }
  })

  return router
}

/** The tutorial of a ready template is a short text on the page; that of an owner's own presenter is HTML. */
function tutorialOf({ kind, tutorial }: PresenterVersion) {
  const isThere = tutorial !== null && tutorial.trim() !== ''
  return { isThere, isOwnPage: isThere && kind === 'code', text: kind === 'code' ? null : tutorial }
}

/** Whether somebody sees the answer; a link preview or a prefetch is for nobody yet. */
function isLookedAt(ctx: Context): boolean {
  return ctx.method === 'GET' && !/prefetch|prerender/i.test(ctx.get('Sec-Purpose'))
}

function tutorialCookie(project: Project): string {
  return `${encodeURIComponent(project.shortName)}tutorial`
}

function hasSeenTutorial(ctx: Context, project: Project): boolean {
  return ctx.cookies.get(tutorialCookie(project)) === 'seen'
}

function rememberTutorial(ctx: Context, project: Project, app: App): void {
  if (!isLookedAt(ctx)) return
  setCookie(ctx, tutorialCookie(project), 'seen', {
    seconds: TUTORIAL_SECONDS,
    secure: app.config.site.url.startsWith('https:'),
    readable: true,
  })
}
