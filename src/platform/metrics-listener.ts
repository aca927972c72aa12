import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { App } from './app.ts'
import type { Metrics } from './metrics.ts'

/** Who asks for figures: the Authorization header and the address. */
interface Asking {
  readonly authorization: string
  readonly address: string
}

/** What somebody is told instead of figures; undefined for who may see them. */
export function refusalOfMetrics(
  { token, isOpenToLoopback }: App['config']['metrics'],
  { authorization, address }: Asking,
): { readonly status: 403 | 404; readonly text: string } | undefined {
  if (hasToken(authorization, token) || (isOpenToLoopback && isLoopback(address))) return undefined
  return {
    status: token === undefined && !isOpenToLoopback ? 404 : 403,
    text: 'Metrics are for those who have METRICS_TOKEN, or on this host with METRICS_LOOPBACK=on.',
  }
}

export interface MetricsListener {
  /** Where it listens; undefined when no port is set. */
  readonly port: number | undefined
  close(): Promise<void>
}

/**
 * For processes that serve nothing else, when METRICS_PORT is set: GET /metrics on a port of its own, and GET /healthz, by
 * which whoever has started one sees that it lives and of which release it is.
 *
 * @param release undefined in a checkout.
 */
export async function listenForMetrics(
  app: Pick<App, 'config' | 'log'>,
  metrics: Metrics,
  release: string | undefined,
): Promise<MetricsListener> {
  const { port } = app.config.metrics
  if (port === undefined) return { port, close: () => Promise.resolve() }
  const health = JSON.stringify({ status: 'alive', release })
  const server = createServer((request, response) => {
    if (request.url === '/healthz') {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(health)
      return
    }
    const refusal =
      request.url === '/metrics'
        ? refusalOfMetrics(app.config.metrics, {
            authorization: request.headers.authorization ?? '',
            address: request.socket.remoteAddress ?? '',
          })
        : { status: 404, text: 'There are only /metrics and /healthz here.' }
    if (refusal) {
      response.writeHead(refusal.status, { 'Content-Type': 'text/plain' }).end(refusal.text)
      return
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
      (error: unknown) => {
        app.log.error({ err: error }, 'figures could not be told')
        response.writeHead(500).end()
      },
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, app.config.http.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
      })
    },
  }
}

function hasToken(authorization: string, token: string | undefined): boolean {
  const [, given] = /^Bearer (.+)$/i.exec(authorization) ?? []
  if (token === undefined || given === undefined) return false
  const [one, other] = [given, token].map((text) => createHash('sha256').update(text).digest())
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}

function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(address)
}
