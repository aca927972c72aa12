import { Router } from '@koa/router'
import { z } from 'zod'
import {
  EXPORT_FORMATS,
  exportRowsOf,
  listFieldFormats,
  listProjectExports,
  openExport,
  openExportByKey,
  openReadyExport,
  requestExport,
  sealExportKey,
} from '../../domain/exports/export-service.ts'
import { findExportBucket } from '../../domain/exports/bucket-service.ts'
import type { ExportFile, ExportTable, ProjectExport } from '../../domain/exports/export-service.ts'
import {
  PERIODS,
  listProjectSubscriptions,
  subscribe,
  unsubscribe,
} from '../../domain/exports/subscription-service.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { readForm } from '../../http/form.ts'
import { pathId } from '../../http/request-values.ts'
import { writes } from '../../http/state.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf, projectOf } from './projects.ts'

const Wanted = z.object({
  type: z.enum(['task', 'task_run', 'result', 'combined', 'wide']),
  format: z.enum(EXPORT_FORMATS),
})

const WantedAgain = Wanted.extend({
  period: z.enum(PERIODS),
  delta: z.string().optional(),
  mail: z.string().optional(),
  bucket: z.string().optional(),
})

/** What PyBossa's address gives. */
const Ready = z.object({ type: z.enum(['task', 'task_run', 'result']), format: z.enum(['csv', 'json']) })

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
    const [bucket, fieldFormats, exports, subscriptions] = await Promise.all([
      findExportBucket(ctx.state.db, ctx.state.viewer, project),
      listFieldFormats(ctx.state.db, project),
      listProjectExports(ctx.state.db, ctx.state.viewer, project),
      listProjectSubscriptions(ctx.state.db, ctx.state.viewer, project),
    ])
    const counts = exportRowsOf(owned)
    const url = `${projectUrl(project)}tasks/export`
    views.render(ctx, 'pages/exports/list.html', {
      project: projectCard(owned),
      form,
      fieldFormats,
      bucket: bucket?.bucket ?? null,
      kinds: KINDS.map((kind) => ({ ...kind, count: counts[kind.value] })),
      exports: await Promise.all(exports.map((item) => exportView(app, item, url))),
      subscriptions: subscriptions.map(({ projectId: _, userId: __, ...item }) => {
        return { ...item, label: labelOf(item.what) }
      }),
      isUnfinished: exports.some(({ state }) => state === 'waiting' || state === 'running'),
      curl: `curl '${app.config.site.url}/api/taskrun?project_id=${project.id}&limit=100&last_id=0&api_key=YOUR_KEY'`,
    })
  }

  // PyBossa's address of the files: `?type=…&format=…`. One that nobody made yet is made now.
  router.get('/', writes, async (ctx) => {
    if (Object.keys(ctx.query).length > 0) await sendReady(ctx)
    else await show(ctx, await ownedProjectOf(ctx), { values: {}, errors: {} })
  })

  async function sendReady(ctx: Context) {
    const project = await projectOf(ctx)
    const { type, format } = ctx.query
    if (format !== undefined && type !== undefined && !Ready.shape.format.safeParse(format).success) {
      ctx.status = 415
      ctx.body = 'An export is csv or json.'
      return
    }
    const asked = Ready.safeParse({ type, format })
    if (!asked.success) throw new NotFoundError('export', `${String(type)} as ${String(format)}`)
    const kind = { what: asked.data.type, format: asked.data.format }
    const file = await openReadyExport(app, ctx.state.db, ctx.state.viewer, project, kind)
    ctx.set('Last-Modified', new Date(file.asOf).toUTCString())
    send(ctx, file)
  }

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

  router.post('/subscriptions', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const wanted = WantedAgain.safeParse(values)
    if (!wanted.success) throw new InvalidError('Choose what to export, as what, and how often.')
    const { type: what, format, period, delta, mail, bucket } = wanted.data
    const where = { byMail: mail === 'on', toBucket: bucket === 'on' }
    const subscription = { what, format, period, isDelta: delta === 'on', ...where }
    await subscribe(ctx.state.db, ctx.state.viewer, project, subscription)
    ctx.redirect(`${projectUrl(project)}tasks/export`)
  })

  router.post('/subscriptions/:id/end', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    await unsubscribe(ctx.state.db, ctx.state.viewer, project, pathId(ctx, 'id'))
    ctx.redirect(`${projectUrl(project)}tasks/export`)
  })

  router.get('/:exportId', async (ctx) => {
    const id = pathId(ctx, 'exportId')
    const { key } = ctx.query
    if (typeof key === 'string') {
      send(ctx, await openExportByKey(app, ctx.state.db, id, key))
      return
    }
    const { project } = await ownedProjectOf(ctx)
    send(ctx, await openExport(app, ctx.state.db, ctx.state.viewer, project, id))
  })

  return router
}

function labelOf(what: ExportTable): string | undefined {
  return KINDS.find(({ value }) => value === what)?.label
}

function send(ctx: Context, file: ExportFile): void {
  ctx.attachment(file.name)
  ctx.type = 'application/octet-stream'
  ctx.length = file.bytes
  ctx.set('Cache-Control', 'private, no-store')
  ctx.body = file.content
}

async function exportView(app: Pick<App, 'sealer'>, item: ProjectExport, url: string) {
  const { id, what, format, state, nRows, nRowsDone, bytes, sha256, created, started, expires, error } = item
  const isReady = state === 'done' && item.fileKey !== null
  return {
    id,
    what,
    label: labelOf(what),
    isDelta: item.isDelta,
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
    delivered: item.delivered,
    deliveryError: item.deliveryError,
    url: isReady ? `${url}/${id}` : null,
    sharedUrl: isReady ? `${url}/${id}?key=${await sealExportKey(app, item)}` : null,
  }
}

/** Rows a second of the run that is at work, and the seconds that it still takes; nothing before it can be told. */
function speedOf({ state, runStarted, nRows, nRowsDone }: ProjectExport, now: number) {
  const seconds = runStarted === null ? 0 : (now - Date.parse(runStarted)) / 1_000
  if (state !== 'running' || nRows === null || nRowsDone === 0 || seconds <= 0) return {}
  const rowsPerSecond = nRowsDone / seconds
  return {
    rowsPerSecond: Math.round(rowsPerSecond),
    secondsLeft: Math.ceil((nRows - nRowsDone) / rowsPerSecond),
  }
}
