import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { ZipFile } from 'yazl'
import type { ExportMember, ExportMembers } from './exporter.ts'

/** Exports are compressed as fast as the database sends them: tables shrink to a tenth even so. */
const LEVEL = 1
/** Bytes of a member that wait to be compressed. */
const WAITING_BYTES = 1 << 20

/**
 * A zip as a stream; members are asked for and written one after the other, only as fast as the zip is read. The same
 * members and date give the same bytes. A member that fails destroys the stream with its error, and a destroyed stream
 * ends the member.
 */
export function zipOf(members: ExportMembers, modified: Date): Readable {
  const zip = new ZipFile()
  const { outputStream: output } = zip
  if (!(output instanceof Readable)) throw new TypeError('yazl gave something else than a Readable')
  const closed = new AbortController()
  output.on('close', () => {
    closed.abort(output.errored ?? new Error('The zip was not read to its end'))
  })

  async function addAll(): Promise<void> {
    for await (const member of members) await add(member)
    zip.end()
  }

  function add(member: ExportMember): Promise<void> {
    return new Promise((resolve, reject) => {
      closed.signal.throwIfAborted()
      closed.signal.addEventListener('abort', reject, { once: true })
      const options = { mtime: modified, mode: 0o100644, compressionLevel: LEVEL }
      zip.addReadStreamLazy(member.name, options, (open) => {
        const content = new PassThrough({ highWaterMark: WAITING_BYTES })
        open(null, content)
        writeMember(member, content, closed.signal)
          .finally(() => {
            closed.signal.removeEventListener('abort', reject)
          })
          .then(resolve, reject)
      })
    })
  }

  addAll().catch((error: unknown) => {
    output.destroy(error instanceof Error ? error : new Error(String(error)))
  })
  return output
}

async function writeMember(member: ExportMember, content: PassThrough, closed: AbortSignal): Promise<void> {
  await member.write(async (part) => {
    closed.throwIfAborted()
    if (!content.write(part)) await once(content, 'drain', { signal: closed })
  })
  content.end()
}
