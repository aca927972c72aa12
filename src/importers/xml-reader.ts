import { Parser } from 'htmlparser2'
import { InvalidError } from '../lib/errors.ts'

/** Deeper than any part of a workbook or of a bucket's list; the parser pays for each level at each element. */
const DEPTH_MAX = 100

/** Characters of one tag, comment or the like, which is held until it ends. */
const PART_LENGTH_MAX = 4_000_000

/** What to do at the parts of an XML text; names come without their prefix. */
export interface XmlHandler {
  open?(name: string, attributes: Readonly<Record<string, string>>): void
  text?(text: string): void
  close?(name: string): void
}

/**
 * Reads XML as it arrives. Entities that a document type declares are not expanded, so a text cannot grow by them.
 *
 * @throws InvalidError when it is nested deeper, or one of its tags is longer, than any that is meant to be read.
 *
 * @param take what the handler has made of a chunk.
 */
export async function* readXml<Made>(
  bytes: AsyncIterable<Uint8Array>,
  handler: XmlHandler,
  take: () => Made,
): AsyncGenerator<Made, void, undefined> {
  let depth = 0
  let unfinished = 0
  const bare = (name: string) => name.slice(name.indexOf(':') + 1)
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        unfinished = 0
        depth += 1
        if (depth > DEPTH_MAX) throw new InvalidError('Its XML is nested too deeply to be read.')
        handler.open?.(bare(name), attributes)
      },
      ontext(text) {
        unfinished = 0
        handler.text?.(text)
      },
      onclosetag(name) {
        unfinished = 0
        depth -= 1
        handler.close?.(bare(name))
      },
    },
    { xmlMode: true, decodeEntities: true },
  )
  const decoder = new TextDecoder()
  for await (const chunk of bytes) {
    const text = decoder.decode(chunk, { stream: true })
    unfinished += text.length
    parser.write(text)
    if (unfinished > PART_LENGTH_MAX)
      throw new InvalidError('Its XML holds a tag or note that is far too long.')
    yield take()
  }
  parser.end(decoder.decode())
  yield take()
}

/** Reads an XML text to its end. */
export async function readWholeXml(bytes: AsyncIterable<Uint8Array>, handler: XmlHandler): Promise<void> {
  const chunks = readXml(bytes, handler, () => undefined)
  let chunk
  do chunk = await chunks.next()
  while (chunk.done !== true)
}
