import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Ending } from './servers.ts'

export interface RowsSite {
  readonly url: string
  /** What was asked for, in its order. */
  readonly asked: string[]
  /** What it says to a path, until told otherwise. */
  answer(path: string, say: Said): void
}

interface Said {
  status?: number
  headers?: Record<string, string>
  body?: string | Buffer
  /** Instead of all that. */
  handle?: (request: IncomingMessage, response: ServerResponse) => void
}

/** Another site on this machine that gives what a test puts there. */
export async function startRowsSite(t: Ending): Promise<RowsSite> {
  const said = new Map<string, Said>()
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const { pathname } = new URL(request.url ?? '', 'http://here')
    const { status = 200, headers = {}, body = '', handle } = said.get(pathname) ?? { status: 404 }
    if (handle) handle(request, response)
    else response.writeHead(status, headers).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    answer: (path, say) => said.set(path, say),
  }
}
