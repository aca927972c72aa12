import { Router } from '@koa/router'
import { z } from 'zod'
import {
  countExportRows,
  listProjectExports,
  openExport,
  requestExport,
} from '../../domain/exports/export-service.ts'
import type { ExportTable, ProjectExport } from '../../domain/exports/export-service.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { readForm } from '../../http/form.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { InvalidError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

const Wanted = z.object({
  type: z.enum(['task', 'task_run', 'result', 'combined', 'wide']),
  format: z.enum(['csv', 'json', 'ndjson']),
})

const KINDS: { value: ExportTable; label: string }[] = [
  { value: 'task_run', label: 'Answers' },
  { value: 'task', label: 'Tasks' },
  { value: 'result', label: 'Results' },
  { value: 'combined', label: 'Answers with their tasks' },
  { value: 'wide', label: 'Tasks with their answers' },
]

/** Asking for exports, watching them come, and downloading them. */
export function exportRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({
    prefix: '/project/:shortName/tasks/export',
  })

  async function show(ctx: Context, owned: ProjectWithTotals, form: FormView) {
    const { project } = owned
    const [counts, exports] = await Promise.all([
      countExportRows(ctx.state.db, project),
      listProjectExports(ctx.state.db, ctx.state.viewer, project),
    ])
    const url = `${projectUrl(project)}tasks/export`
    views.render(ctx, 'pages/exports/list.html', {
      project: projectCard(owned),
      form,
      kinds: KINDS.map((kind) => ({ ...kind, count: counts[kind.value] })),
      exports: exports.map((item) => exportView(item, url)),
      isUnfinished: exports.some(({ state }) => state === 'waiting' || state === 'running'),
      curl: `curl '${app.config.site.url}/api/taskrun?project_id=${project.id}&limit=100&last_id=0&api_key=YOUR_KEY'`,
    })
  }

  router.get('/', async (ctx) => {
    await show(ctx, await ownedProjectOf(ctx), { values: {}, errors: {} })
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    await orShowAgain(
      ctx,
      values,
      (form) => show(ctx, owned, form),
      async () => {
        const wanted = Wanted.safeParse(values)
        if (!wanted.success) throw new InvalidError('Choose what to export, and as what.')
        const { type: what, format } = wanted.data
        await requestExport(app, ctx.state.db, ctx.state.viewer, owned.project, { what, format })
        ctx.redirect(`${projectUrl(owned.project)}tasks/export`)
      },
    )
  })

  router.get('/:exportId', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    const id = pathId(ctx, 'exportId')
    const file = await openExport(app, ctx.state.db, ctx.state.viewer, project, id)
    ctx.attachment(file.name)
    ctx.type = 'application/octet-stream'
    ctx.length = file.bytes
    ctx.set('Cache-Control', 'private, no-store')
    ctx.body = file.content
  })

  return router
}

function exportView(item: ProjectExport, url: string) {
  const { id, what, format, state, nRows, nRowsDone, bytes, sha256, created, started, expires, error } = item
  const label = KINDS.find(({ value }) => value === what)?.label
  const isReady = state === 'done' && item.fileKey !== null
  return {
    id,
    what,
    label,
    format,
    state,
    nRows,
    nRowsDone,
    ...speedOf(item, Date.now()),
    bytes,
    sha256,
    created,
    started,
    expires,
    error,
    url: isReady ? `${url}/${id}` : null,
  }
}

/** Rows a second of the run that is at work, and the seconds that it still takes; nothing before it can be told. */
function speedOf({ state, runStarted, nRows, nRowsDone }: ProjectExport, now: number) {
  const seconds = runStarted === null ? 0 : (now - Date.parse(runStarted)) / 1_000
  if (state !== 'running' || nRows === null || nRowsDone === 0 || seconds <= 0) return {}
  const rowsPerSecond = nRowsDone / seconds
  return { rowsPerSecond: Math.round(rowsPerSecond), secondsLeft: Math.ceil((nRows - nRowsDone) / rowsPerSecond) }
}
