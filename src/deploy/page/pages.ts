import { Router } from '@koa/router'
import { readForm } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { AppError, InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { DeploySettings } from '../../platform/deploy-config.ts'
import { OPEN_STATES } from '../../platform/deploy-store.ts'
import type { Deploy, DeployStore } from '../../platform/deploy-store.ts'
import type { DeployLog } from './deploy-log.ts'

const SHOWN = 50
/** As much of a log as a page shows at first; the whole of it has an address of its own. */
const LOG_BYTES_SHOWN = 200_000

interface Parts {
  settings: Pick<DeploySettings, 'environment' | 'repository'>
  store: DeployStore
  views: Views
  log: DeployLog
}

/** The pages for operators: what was deployed, what is going on, and what they can do about it. */
export function deployPages({ settings, store, views, log }: Parts): Router<RequestState> {
  const router = new Router<RequestState>()
  const { environment, repository } = settings

  function getDeploy(ctx: Context): Deploy {
    const id = pathId(ctx, 'id')
    const deploy = store.find(id)
    if (!deploy) throw new NotFoundError('deploy', id)
    return deploy
  }

  function view(deploy: Deploy, releases = store.releases()) {
    const { id, kind, sha, cause, who, title, state, reason, created, changed } = deploy
    const isOpen = OPEN_STATES.has(state)
    return {
      ...{ id, kind, sha: sha.slice(0, 7), cause, who, title, state, reason, isOpen },
      commitUrl: `https://github.com/${repository.owner}/${repository.repo}/commit/${sha}`,
      created: new Date(created).toISOString(),
      ended: isOpen ? null : new Date(changed).toISOString(),
      isCurrent: store.lastSuccess()?.sha === sha,
      // Where a rollback failed hosts may differ, whatever is known of them.
      canSwitchTo:
        releases.includes(sha) && (store.get('lock') !== undefined || store.lastSuccess()?.sha !== sha),
    }
  }

  router.get('/', (ctx) => {
    requireViewer(ctx)
    const current = store.lastSuccess()
    const releases = store.releases()
    views.render(ctx, 'pages/deploys/list.html', {
      environment,
      lock: store.get('lock'),
      trouble: store.get('trouble'),
      releases,
      current: current && view(current),
      deploys: store.list(SHOWN).map((deploy) => view(deploy, releases)),
    })
  })

  router.get('/deploys/:id', async (ctx) => {
    requireViewer(ctx)
    const deploy = getDeploy(ctx)
    const text = await log.read(deploy.id, Math.max(0, (await log.size(deploy.id)) - LOG_BYTES_SHOWN))
    views.render(ctx, 'pages/deploys/show.html', {
      environment,
      lock: store.get('lock'),
      releases: store.releases(),
      deploy: view(deploy),
      events: store
        .events(deploy.id)
        .map(({ at, state, text: said }) => ({ at: new Date(at).toISOString(), state, text: said })),
      log: text.toString(),
      logBytes: await log.size(deploy.id),
    })
  })

  router.get('/deploys/:id/log', async (ctx) => {
    requireViewer(ctx)
    ctx.type = 'text/plain; charset=utf-8'
    ctx.set('Cache-Control', 'private, no-store')
    ctx.body = await log.read(getDeploy(ctx).id, 0)
  })

  router.get('/deploys/:id/stream', (ctx) => {
    requireViewer(ctx)
    const { id } = getDeploy(ctx)
    ctx.type = 'text/event-stream'
    ctx.set({ 'Cache-Control': 'private, no-store', 'X-Accel-Buffering': 'no' })
    const from = Math.max(0, Math.trunc(Number(ctx.get('Last-Event-ID') || ctx.query['from']) || 0))
    ctx.body = log.stream(id, from, () => OPEN_STATES.has(store.find(id)?.state ?? 'failed'))
  })

  router.post('/deploys/:id/redeploy', (ctx) => {
    again(ctx, 'deploy')
  })
  router.post('/deploys/:id/roll-back', (ctx) => {
    const { sha } = getDeploy(ctx)
    if (!store.releases().includes(sha))
      throw new AppError('conflict', 'The hosts do not have this release, or no longer.')
    again(ctx, 'rollback')
  })

  function again(ctx: Context, kind: Deploy['kind']): void {
    const { name } = requireViewer(ctx)
    const { sha, title } = getDeploy(ctx)
    const id = store.add({ kind, sha, title, who: name, cause: 'page' })
    ctx.redirect(`/deploys/${id}`)
  }

  router.post('/unlock', async (ctx) => {
    const { name } = requireViewer(ctx)
    const { release } = await readForm(ctx)
    if (store.get('lock') === undefined)
      throw new AppError('conflict', 'The environment is not locked, or no longer.')
    const releases = store.releases()
    const sha = releases.find((one) => one === release)
    // Which release the hosts run is what the next deploy would be taken back to.
    if (sha === undefined && releases.length > 0) throw new InvalidError('Say which release all hosts run.')
    store.unlock({ who: name, title: 'Found on the hosts', ...(sha === undefined ? {} : { sha }) })
    ctx.redirect('/')
  })

  return router
}
