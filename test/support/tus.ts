import type { Test } from 'supertest'
import type { TestUser } from './app.ts'

type Sender = Pick<TestUser, 'http'>

/** A request in the words of the tus protocol. */
export const spoken = (request: Test): Test => request.set('Tus-Resumable', '1.0.0')

/** Begins an upload in pieces. */
export const begin = ({ http }: Sender, bytes: number, name = 'große Datei.bin'): Test =>
  spoken(http.post('/resumable'))
    .set('Upload-Length', String(bytes))
    .set('Upload-Metadata', `filename ${Buffer.from(name).toString('base64')}`)

export const goOn = ({ http }: Sender, address: string, offset: number, piece: Buffer): Test =>
  spoken(http.patch(address))
    .set('Upload-Offset', String(offset))
    .set('Content-Type', 'application/offset+octet-stream')
    .send(piece)

/** Sends all of a file; the id by which a form names it. */
export async function sendWhole(sender: Sender, content: Buffer, name?: string): Promise<string> {
  const { headers } = await begin(sender, content.length, name).expect(201)
  const address = String(headers['location'])
  await goOn(sender, address, 0, content).expect(204)
  return address.replace(/^.*\//, '')
}
