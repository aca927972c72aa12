import { Readable } from 'node:stream'
import { ZipFile } from 'yazl'
import { textBatches } from '../lib/text-batches.ts'
import type { ExportMember } from './exporter.ts'

/**
 * A zip as a stream; members are read one after the other, only as fast as the zip is. The same members and date give
 * the same bytes. A member that fails destroys the stream with its error, and a destroyed stream ends the member.
 */
export function zipOf(members: readonly ExportMember[], modified: Date): Readable {
  const zip = new ZipFile()
  const { outputStream: output } = zip
  if (!(output instanceof Readable)) throw new TypeError('yazl gave something else than a Readable')
  for (const { name, content } of members) {
    zip.addReadStreamLazy(name, { mtime: modified, mode: 0o100644 }, (open) => {
      const source = Readable.from(textBatches(content(), String), { objectMode: false })
      source.on('error', (error) => output.destroy(error))
      output.on('close', () => source.destroy())
      open(null, source)
    })
  }
  zip.end()
  return output
}
