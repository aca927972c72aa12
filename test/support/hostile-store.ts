import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { S3Settings } from '../../src/platform/s3.ts'
import type { Ending } from './servers.ts'

/** What somebody who means ill runs in an S3 store's place. @param reply what it does with a request, whose body is thrown away. */
export async function startHostileStore(
  t: Ending,
  reply: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<S3Settings> {
  const server = createServer((request, response) => {
    request.resume()
    reply(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { endpoint, region: 'r', bucket: 'hostile', key: 'k', secret: 's', isPathStyle: true }
}

/** Says a little, again and again, without an end. */
export function drip({ socket }: ServerResponse, beginning: string): void {
  if (!socket) return
  socket.write(beginning)
  const dripping = setInterval(() => socket.write('a'), 20)
  socket.once('close', () => {
    clearInterval(dripping)
  })
}

/** Says as much as the other side takes, without an end. */
export function flood(response: ServerResponse): void {
  const piece = Buffer.alloc(64 * 1024, 'a')
  const pour = () => {
    while (response.write(piece));
  }
  response.on('drain', pour)
  pour()
}
