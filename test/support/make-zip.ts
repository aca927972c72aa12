import { buffer } from 'node:stream/consumers'
import { ZipFile } from 'yazl'

/** A zip of these members, by name. */
export async function makeZip(members: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const zip = new ZipFile()
  for (const [name, content] of Object.entries(members)) zip.addBuffer(Buffer.from(content), name)
  zip.end()
  return buffer(zip.outputStream)
}
