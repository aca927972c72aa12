import { Agent, createServer, request as ask } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Ending } from './servers.ts'

export interface FaultyProxy {
  readonly url: string
  /** Requests that never reached the site, and replies of the site that never reached who asked. */
  readonly lost: { requests: number; replies: number }
}

/**
 * A network between people and the site that loses a share of the requests before the site sees them, and the same share
 * of the replies after the site has done what was asked. Either way the connection just ends.
 *
 * @param share from 0 to 1.
 */
export async function startFaultyProxy(t: Ending, port: number, share: number): Promise<FaultyProxy> {
  const lost = { requests: 0, replies: 0 }
  const agent = new Agent({ keepAlive: true })
  const server = createServer((request, response) => {
    const end = () => void request.socket.destroy()
    void (async () => {
      const body = await buffer(request)
      if (Math.random() < share) {
        lost.requests += 1
        end()
        return
      }
      const reply = await passOn(request, body)
      if (Math.random() < share) {
        lost.replies += 1
        end()
        return
      }
      response.writeHead(reply.status, { 'Content-Type': 'application/json' }).end(reply.body)
    })().catch(end)
  })

  async function passOn({ method, url, headers }: IncomingMessage, body: Buffer) {
    const reply = await new Promise<IncomingMessage>((resolve, reject) => {
      ask({ agent, port, host: '127.0.0.1', method, path: url, headers }, resolve)
        .on('error', reject)
        .end(body)
    })
    return { status: reply.statusCode ?? 0, body: await buffer(reply) }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    agent.destroy()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, lost }
}
