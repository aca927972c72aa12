import { createServer as createHttpServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import Koa from 'koa'
import type { DefaultContext } from 'koa'
import type { Router } from '@koa/router'
import type { Assets } from '../../http/assets.ts'
import { answerBrokenRequest } from '../../http/broken-request.ts'
import { pageErrors } from '../../http/page-errors.ts'
import { requestId } from '../../http/request-id.ts'
import { markOrigin, refuseForeignWrites } from '../../http/same-origin.ts'
import { securityHeaders } from '../../http/security-headers.ts'
import type { RequestState, Site } from '../../http/state.ts'
import { staticFiles } from '../../http/static.ts'
import { createViews } from '../../http/views.ts'
import type { DeploySettings } from '../../platform/deploy-config.ts'
import type { DeployStore } from '../../platform/deploy-store.ts'
import type { Logger } from '../../platform/log.ts'
import type { Sealer } from '../../platform/sealing.ts'
import type { Runs } from '../runs.ts'
import { createDeployLog } from './deploy-log.ts'
import { deployPages } from './pages.ts'
import { createSignIn } from './sign-in.ts'

interface Parts {
  settings: DeploySettings
  store: DeployStore
  runs: Runs
  sealer: Sealer
  log: Logger
  assets: Assets
  /** What GitHub calls. */
  webhooks: Router<RequestState>
}

/** A request that takes longer to arrive, in milliseconds, is none of GitHub's nor of an operator's. */
const REQUEST_MS_MAX = 30_000

/** The deploy server's pages and what GitHub calls, as one HTTP server. */
export async function createDeployHttp({
  settings,
  store,
  runs,
  sealer,
  log,
  assets,
  webhooks,
}: Parts): Promise<HttpServer> {
  const { url } = settings
  const origin = { url, mediaUrl: url, staticUrl: undefined, presenterOrigin: url }
  const site: Site = {
    config: {
      site: { name: `Manyhands · ${settings.environment}`, hasOldNames: false, ...origin },
      templates: { watch: false },
    },
    sealer,
  }
  const views = createViews(site, assets, 'layouts/deploy.html')
  const signIn = createSignIn(site, settings, store, views)
  const pages = deployPages({ settings, store, views, log: createDeployLog(runs) })
  const koa = new Koa<RequestState, DefaultContext>({ proxy: settings.trustProxy, maxIpsCount: 1 })

  koa.use(requestId(log, settings.trustProxy))
  koa.use(staticFiles(assets))
  koa.use(await securityHeaders(site.config))
  koa.use(markOrigin(settings.url))
  koa.use(pageErrors({ log }, views.error))
  // Before the same-origin rule: GitHub signs what it sends.
  koa.use(webhooks.routes())
  koa.use(refuseForeignWrites)
  koa.use(signIn.identify)
  koa.use(signIn.routes)
  koa.use(pages.routes())
  koa.use(pages.allowedMethods())
  koa.on('error', (error: Error) => {
    log.debug({ err: error }, 'response not finished')
  })
  const callback = koa.callback()
  const server = createHttpServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
    void callback(request, response)
  })
  return server.on('clientError', answerBrokenRequest)
}
