import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Ending } from './servers.ts'

export interface ServedMedium {
  type: string
  content: Buffer | string
}

/** Somebody else's server with these media, by path. @param options.isOpen false where scripts may not read them (no CORS) */
export async function startMediaServer(
  t: Ending,
  media: (path: string) => ServedMedium | undefined,
  { isOpen = true }: { isOpen?: boolean } = {},
): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer(({ url = '', headers }, response) => {
    asked.push(url)
    const medium = media(url)
    if (!medium) {
      response.writeHead(404).end()
      return
    }
    if (isOpen) response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Content-Type', medium.type)
    const whole = Buffer.from(medium.content)
    const [, from] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? []
    if (from === undefined) response.end(whole)
    else {
      // Nobody goes to a place in a recording whose server sends no parts.
      const range = `bytes ${from}-${whole.length - 1}/${whole.length}`
      response.writeHead(206, { 'Content-Range': range }).end(whole.subarray(Number(from)))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}
