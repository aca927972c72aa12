import { getDraftForFrame } from '../../domain/presenters/draft-service.ts'
import { getPresenter } from '../../domain/presenters/presenter-service.ts'
import type { PresenterVersion } from '../../domain/presenters/presenter-service.ts'
import { getProjectById } from '../../domain/projects/project-service.ts'
import type { Project } from '../../domain/projects/project-service.ts'
import { resultsPageOf } from '../../domain/projects/results-page.ts'
import type { Assets } from '../../http/assets.ts'
import type { Context, Handler } from '../../http/state.ts'
import { tellUnforeseen } from '../../http/unforeseen.ts'
import { AppError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { codePage, templatePage } from './frame-page.ts'
import type { FramePage } from './frame-page.ts'
import { permissionsOfFrame } from './frame-permissions.ts'
import { isFramePath, pathOfOpaqueFrame, projectOfHost } from './presenter-origin.ts'
import { openTicket } from './presenter-ticket.ts'
import type { PresenterTicket } from './presenter-ticket.ts'

/**
 * Answers for the hosts of presenters, and for opaque frames on the site's own host. It stands before everything that
 * reads or sets a cookie: nothing of the site is reachable under a presenter's origin, and a frame's document is the
 * same for everybody who has its ticket.
 */
export function presenterHost(
  app: Pick<App, 'config' | 'database' | 'log' | 'sealer'>,
  assets: Pick<Assets, 'url'>,
): Handler {
  const pattern = app.config.site.presenterOrigin

  return async (ctx, next) => {
    const projectId = projectOfHost(pattern, ctx.host)
    const path = projectId === undefined ? pathOfOpaqueFrame(ctx.path) : ctx.path
    if (path === undefined || isFile(ctx.method, path)) {
      // Presenters name files from where their page stands, too.
      ctx.path = path ?? ctx.path
      await next()
      return
    }
    answerPrivately(ctx)
    // A process of its own where the browser can: a presenter that hangs does not hang its neighbours.
    if (projectId !== undefined) ctx.set('Origin-Agent-Cluster', '?1')
    const page = await pageFor(ctx, projectId, path)
    if ('refusal' in page) {
      refuse(ctx, page.status, page.refusal)
      return
    }
    ctx.set('Content-Security-Policy', page.contentSecurityPolicy)
    ctx.set('Permissions-Policy', page.permissionsPolicy)
    ctx.type = 'text/html; charset=utf-8'
    ctx.body = page.html
  }

  async function pageFor(
    ctx: Context,
    projectId: number | undefined,
    path: string,
  ): Promise<ServedPage | Refusal> {
    const isOpaque = projectId === undefined
    if (!isFramePath(path) || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) {
      return { status: 404, refusal: 'There is nothing here.' }
    }
    const ticket = await openTicket(app, ctx.query['ticket'])
    if (!ticket || (projectId ?? ticket.project) !== ticket.project) {
      return { status: 403, refusal: 'This address is no longer valid. Load the page around it again.' }
    }
    try {
      const page = await pageOf(app, assets, ticket, isOpaque)
      return page
        ? { ...page, permissionsPolicy: permissionsOfFrame(ticket.permissions) }
        : { status: 404, refusal: 'This presenter is gone. Load the page around it again.' }
    } catch (error) {
      app.log.error({ err: error, project: ticket.project }, 'presenter not served')
      tellUnforeseen(ctx, error, 'presenter')
      return { status: 503, refusal: 'The presenter cannot be loaded at the moment. Try again soon.' }
    }
  }
}

/** Presenters name the site's files without a host, as on PyBossa: they are the same for everybody, and no page. */
function isFile(method: string, path: string): boolean {
  return (
    (method === 'GET' || method === 'HEAD') && /^\/(static|tools|uploads|media\/(demo|samples))\//.test(path)
  )
}

interface ServedPage extends FramePage {
  permissionsPolicy: string
}

interface Refusal {
  status: number
  refusal: string
}

function answerPrivately(ctx: Context): void {
  ctx.set({
    'Cache-Control': 'private',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  })
}

function refuse(ctx: Context, status: number, message: string): void {
  ctx.status = status
  ctx.set('Content-Security-Policy', "default-src 'none'; sandbox")
  ctx.type = 'text/plain; charset=utf-8'
  ctx.body = message
}

async function pageOf(
  app: Pick<App, 'config' | 'database'>,
  assets: Pick<Assets, 'url'>,
  ticket: PresenterTicket,
  isOpaque: boolean,
): Promise<FramePage | undefined> {
  const { shown, site, locale } = ticket
  const around = { site, files: app.config.site.staticUrl ?? site, locale, isOpaque }
  if ('draft' in shown) return templatePage(shown.draft, assetsOf(assets, shown.draft.template), around)
  const version = await findVersion(app, ticket)
  if ('version' in shown && version?.kind === 'template')
    return templatePage(version, assetsOf(assets, version.template), around)
  const project = await getProjectById(app.database.open({ writes: false }), ticket.project)
  const code = await codeOf(app, project, shown, version)
  const ofCode = {
    style: assets.url('presenter-kit.css'),
    scripts: [assets.url('presenter-kit.js'), assets.url('presenter-code.js')],
  }
  return code === null
    ? undefined
    : codePage(code, { id: project.id, shortName: project.shortName }, ofCode, around)
}

/** HTML of the owner's own; null when there is none of the kind. */
async function codeOf(
  app: Pick<App, 'database'>,
  project: Project,
  shown: PresenterTicket['shown'],
  version: PresenterVersion | undefined,
): Promise<string | null> {
  if ('results' in shown) return resultsPageOf(project)
  if (!('codeDraft' in shown)) return htmlOf(version, 'tutorialOf' in shown)
  const draft = await getDraftForFrame(app.database.open({ writes: false }), shown.codeDraft)
  if (draft?.projectId !== project.id) return null
  return shown.part === 'tutorial' ? draft.tutorial : draft.code
}

/** The tool comes first: it makes itself known before the script that runs it. */
function assetsOf(assets: Pick<Assets, 'url'>, template: string) {
  return {
    scripts: [assets.url(`tool-${template}.js`), assets.url('presenter-frame.js')],
    styles: [assets.url('presenter.css'), assets.url(`tool-${template}.css`)],
  }
}

function htmlOf(version: PresenterVersion | undefined, isTutorial: boolean): string | null {
  if (version?.kind !== 'code') return null
  return isTutorial ? version.tutorial : version.code
}

/** The version that a ticket names, when it is one of the ticket's project. */
async function findVersion(
  app: Pick<App, 'database'>,
  { project, shown }: PresenterTicket,
): Promise<PresenterVersion | undefined> {
  const id = 'version' in shown ? shown.version : 'tutorialOf' in shown ? shown.tutorialOf : undefined
  if (id === undefined) return undefined
  try {
    const version = await getPresenter(app.database.open({ writes: false }), id)
    return version.projectId === project ? version : undefined
  } catch (error) {
    if (error instanceof AppError && error.kind === 'not-found') return undefined
    throw error
  }
}
