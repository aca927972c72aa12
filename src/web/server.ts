import { createServer as createHttpServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import Koa from 'koa'
import type { DefaultContext } from 'koa'
import { loadAssets } from '../http/assets.ts'
import { answerBrokenRequest } from '../http/broken-request.ts'
import { finalSlash } from '../http/final-slash.ts'
import { identify } from '../http/identify.ts'
import { pageErrors } from '../http/page-errors.ts'
import { onUnforeseen } from '../http/unforeseen.ts'
import type { Unforeseen } from '../http/unforeseen.ts'
import { rateLimit } from '../http/rate-limit.ts'
import { createRequestFigures } from '../http/request-figures.ts'
import type { AnsweredRequest } from '../http/request-figures.ts'
import { requestId } from '../http/request-id.ts'
import { markOrigin, refuseForeignWrites, refuseForgedTokens } from '../http/same-origin.ts'
import { resumableUploads } from '../http/resumable-uploads.ts'
import { securityHeaders } from '../http/security-headers.ts'
import type { RequestState } from '../http/state.ts'
import { linkedFiles } from '../http/linked-files.ts'
import { staticFiles } from '../http/static.ts'
import { uploadedFiles } from '../http/uploads.ts'
import { createViews } from '../http/views.ts'
import type { App } from '../platform/app.ts'
import { noHold } from '../platform/hold.ts'
import type { Hold } from '../platform/hold.ts'
import { apiOperations, apiRoutes } from './api/api-routes.ts'
import { isApi } from './api/address.ts'
import { apiErrors } from './api/errors.ts'
import { counted, openToAll } from './api/front.ts'
import { oldNames } from './api/old-names.ts'
import { openApiDocument } from './api/openapi.ts'
import { rateGroups } from './api/rate-groups.ts'
import { directory } from './directory.ts'
import { createDraining } from './draining.ts'
import { healthRoutes } from './health.ts'
import { metricsRoutes } from './metrics.ts'
import { oneSlash } from '../http/one-slash.ts'
import { pageRoutes } from './pages/page-routes.ts'
import { presenterHost } from './presenter/presenter-host.ts'
import { listRoutes, noteRoute } from './route-list.ts'
import type { Answered, Route } from './route-list.ts'

export type { Answered } from './route-list.ts'

export interface Server {
  /** The request handler, for a server of one's own. */
  readonly callback: ReturnType<Koa['callback']>
  /** Every route of the application. */
  readonly routes: readonly Route[]
  listen(port: number, host: string): Promise<HttpServer>
  /** Lets those who send requests know of it, then stops accepting and lets open requests finish. */
  close(): Promise<void>
}

export interface ServerOptions {
  /** What may keep it from getting requests at first; by default nothing. */
  hold?: Hold
  /** Told of each request that a route answered. */
  onRoute?: (answered: Answered) => void
  /** Told of each request, whatever it came to. */
  onRequest?: (answered: AnsweredRequest) => void
  /** Told of each error that nobody had foreseen. */
  onUnforeseen?: (told: Unforeseen) => void
}

/** Builds the web application: every path of the site, its API and its presenter hosts. */
export async function createServer(app: App, options: ServerOptions = {}): Promise<Server> {
  const assets = await loadAssets(app.config.folders.assets)
  const views = createViews(app, assets)
  // Of the forwarded addresses only the last is the proxy's word: whatever stands before it, the client may have sent.
  const koa = new Koa<RequestState, DefaultContext>({ proxy: app.config.http.trustProxy, maxIpsCount: 1 })
  const draining = createDraining()
  const health = healthRoutes(app, draining, options.hold ?? noHold)
  const requests = createRequestFigures()
  const metrics = metricsRoutes(app, requests)
  if (options.onRequest) requests.onAnswered(options.onRequest)
  const operations = apiOperations(app)
  const document = openApiDocument(operations, app.config.site)
  const api = apiRoutes(app, operations, document)
  const countRequest = rateLimit(app, rateGroups(app, operations))
  const pages = pageRoutes(app, views, document)

  // Before a process ends it gives its connections back; a proxy would keep them for its next requests.
  koa.use(async (ctx, next) => {
    await next()
    if (draining.hasBegun) ctx.set('Connection', 'close')
  })
  koa.use(requests.middleware)
  koa.use(requestId(app.log, app.config.http.trustProxy))
  if (options.onRoute) koa.use(noteRoute(options.onRoute))
  koa.use(health.routes())
  koa.use(metrics.routes())
  koa.use(presenterHost(app, assets))
  koa.use(staticFiles(assets))
  koa.use(await securityHeaders(app.config))
  koa.use(oneSlash)
  if (app.config.site.hasOldNames) koa.use(oldNames)
  koa.use(markOrigin(app.config.site.url))
  koa.use(pageErrors(app, views.error))
  koa.use(uploadedFiles(app.files))
  koa.use(linkedFiles(app))
  koa.use(openToAll)
  koa.use(apiErrors(app, countRequest))
  koa.use(identify(app, directory(app)))
  koa.use(counted(countRequest))
  // A router holds each of its routes against the path: only what is below /api is worth that.
  koa.use(belowApi(api.routes()))
  koa.use(refuseForeignWrites)
  koa.use(refuseForgedTokens(app.sealer))
  koa.use(resumableUploads(app))
  koa.use(views.tellRedirects)
  koa.use(pages.routes())
  koa.use(finalSlash(pages))
  koa.use(pages.allowedMethods())
  if (options.onUnforeseen) onUnforeseen(koa, options.onUnforeseen)
  koa.on('error', (error: Error) => {
    // A client that went away in mid-answer is no trouble of ours.
    app.log.debug({ err: error }, 'response not finished')
  })

  const callback = koa.callback()
  const server = createHttpServer(
    // Longer than any proxy keeps a connection that nobody uses: one that we end may be given a request just then.
    { keepAliveTimeout: 120_000, headersTimeout: 121_000 },
    (request, response) => {
      void callback(request, response)
    },
  )

  server.on('clientError', answerBrokenRequest)

  return {
    callback,
    routes: [health, metrics, api, pages].flatMap((router) => listRoutes(router)),
    listen(port, host) {
      return new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ port, host, reusePort: app.config.http.isPortShared }, () => {
          resolve(server)
        })
      })
    },
    async close() {
      await draining.begin(app.config.http.drainSeconds * 1000)
      await acceptWaiting()
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeIdleConnections()
      })
    },
  }
}

type Routes = ReturnType<ReturnType<typeof apiRoutes>['routes']>

function belowApi(routes: Routes) {
  return (ctx: Parameters<Routes>[0], next: Koa.Next): Promise<unknown> =>
    isApi(ctx.path) ? Promise.resolve(routes(ctx, next)) : next()
}

/**
 * Connections that the system has taken for us and we have not seen would be reset with the port, also where other
 * processes share it: one whole round of the event loop takes them in, right before the port is closed.
 */
async function acceptWaiting(): Promise<void> {
  for (let round = 0; round < 2; round += 1) await new Promise((resolve) => setImmediate(resolve))
}
