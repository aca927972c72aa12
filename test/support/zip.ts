import { text } from 'node:stream/consumers'
import type { Test } from 'supertest'
import { fromBufferPromise } from 'yauzl'

/** The bytes that a request is answered with. */
export async function download(request: Test): Promise<Buffer> {
  const response = await request
    .buffer(true)
    .parse((stream, done) => {
      const parts: Buffer[] = []
      stream
        .on('data', (part: Buffer) => parts.push(part))
        .on('end', () => {
          done(null, Buffer.concat(parts))
        })
    })
    .expect(200)
  return response.body as Buffer
}

/** The members of a zip as texts, by name, in their order. */
export async function readZip(bytes: Buffer): Promise<Map<string, string>> {
  const zip = await fromBufferPromise(bytes)
  const members = new Map<string, string>()
  for await (const entry of zip.eachEntry()) {
    members.set(entry.fileName, await text(await zip.openReadStreamPromise(entry)))
  }
  return members
}
