import { createServer as createHttpServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { createServer } from '../../src/web/server.ts'
import type { TestApp } from './app.ts'
import { startNginx } from './nginx.ts'
import type { Nginx } from './nginx.ts'
import type { TemplateValues } from './rendered.ts'
import type { Ending } from './servers.ts'
import { freePort } from './started-site.ts'

export interface SiteBehindNginx {
  readonly nginx: Nginx
  /** What nginx asked the application, oldest first. */
  readonly asked: IncomingMessage[]
  /** Ends the application's web server at once, as a crash does, and starts it again. */
  stop(): Promise<void>
  start(): Promise<void>
}

/** A second door to a test's application, through nginx. */
export async function putBehindNginx(
  t: Ending,
  site: TestApp,
  variables: TemplateValues = {},
): Promise<SiteBehindNginx> {
  const { callback } = await createServer(site.app)
  const port = await freePort()
  const asked: IncomingMessage[] = []
  let server: Server | undefined
  const start = async () => {
    const next = createHttpServer({ keepAliveTimeout: 65_000 }, (request, response) => {
      asked.push(request)
      void callback(request, response)
    })
    await new Promise<void>((resolve) => next.listen(port, '127.0.0.1', resolve))
    server = next
  }
  const stop = async () => {
    server?.closeAllConnections()
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
  }
  await start()
  const nginx = await startNginx(t, {
    nginx_upstreams: [`127.0.0.1:${port}`],
    nginx_assets_folder: site.env['ASSETS_DIR'],
    ...variables,
  })
  t.after(stop)
  return { nginx, asked, stop, start }
}
