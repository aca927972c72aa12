import { Router } from '@koa/router'
import { findDraft } from '../../domain/presenters/draft-service.ts'
import { getVersion, listVersions, restoreVersion, textsOf } from '../../domain/presenters/version-service.ts'
import type { VersionText } from '../../domain/presenters/version-service.ts'
import type { Project } from '../../domain/projects/project-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { pathId, queryNumber } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { NotFoundError } from '../../lib/errors.ts'
import { diffHunks } from '../../lib/line-diff.ts'
import type { App } from '../../platform/app.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

const PER_PAGE = 50

/** The versions of a presenter: their list, each of them, what differs, and bringing one back. */
export function presenterVersionRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({
    prefix: '/project/:shortName/tasks/taskpresentereditor/versions',
  })

  router.get('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const { project } = owned
    const page = { beforeId: queryNumber(ctx, 'before'), limit: PER_PAGE + 1 }
    const versions = await listVersions(ctx.state.db, ctx.state.viewer, project, page)
    const shown = versions.slice(0, PER_PAGE)
    views.render(ctx, 'pages/presenter/versions.html', {
      project: projectCard(owned),
      versions: shown,
      currentId: project.presenterVersionId,
      nextUrl: versions.length > PER_PAGE ? `${versionsUrl(project)}?before=${shown.at(-1)?.id ?? 0}` : null,
    })
  })

  router.get('/compare', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const from = await sideOf(ctx, owned.project, 'from')
    const to = await sideOf(ctx, owned.project, 'to')
    views.render(ctx, 'pages/presenter/compare.html', {
      project: projectCard(owned),
      from: from.id,
      to: to.id,
      comparedParts: from.texts.map(({ part, text }) => {
        const other = to.texts.find((candidate) => candidate.part === part)?.text ?? ''
        return { part, from: text, to: other, hunks: diffHunks(text, other) }
      }),
    })
  })

  router.get('/:id', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const version = await getVersion(ctx.state.db, ctx.state.viewer, owned.project, pathId(ctx, 'id'))
    views.render(ctx, 'pages/presenter/version.html', {
      project: projectCard(owned),
      version: { id: version.id, kind: version.kind, created: version.created, note: version.note },
      isCurrent: version.id === owned.project.presenterVersionId,
      currentId: owned.project.presenterVersionId,
      texts: textsOf(version).filter(({ text }) => text !== ''),
    })
  })

  router.post('/:id/restore', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    await restoreVersion(ctx.state.db, ctx.state.viewer, project, pathId(ctx, 'id'))
    leaveFlash(ctx, app, project.published ? 'question-replaced' : 'question-saved')
    ctx.redirect(versionsUrl(project))
  })

  return router
}

function versionsUrl(project: Project): string {
  return `${projectUrl(project)}tasks/taskpresentereditor/versions`
}

/** What stands on one side of a comparison: a version, or the viewer's draft. @throws NotFoundError */
async function sideOf(
  ctx: Context,
  project: Project,
  name: 'from' | 'to',
): Promise<{ id: number | 'draft'; texts: VersionText[] }> {
  const { db, viewer } = ctx.state
  if (ctx.query[name] !== 'draft') {
    const version = await getVersion(db, viewer, project, queryNumber(ctx, name) ?? 0)
    return { id: version.id, texts: textsOf(version) }
  }
  const draft = await findDraft(db, viewer, project)
  if (!draft) throw new NotFoundError('draft of', project.name)
  return {
    id: 'draft',
    texts: [
      { part: 'presenter', text: draft.code },
      { part: 'tutorial', text: draft.tutorial },
    ],
  }
}
