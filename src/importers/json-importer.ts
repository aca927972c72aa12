import { z } from 'zod'
import { JsonListReader, looksLikeJson, type JsonListPiece } from '../lib/json-list-reader.ts'
import { decodeText, TextDecodingError } from '../lib/text-decoding.ts'
import { defineImporter, ROW_LENGTH_MAX, type ImportFinding, type ImportSource } from './importer.ts'
import { JsonRows } from './json-rows.ts'

/**
 * Task lists as a JSON list or as one JSON object per line. A row is the task's data itself, or has it in `info` and
 * PyBossa's task fields beside it; the rules are in docs/importing.md.
 */
export const jsonImporter = defineImporter({
  name: 'json',
  label: 'JSON',
  options: z.strictObject({}),
  accepts: (fileName, head) => {
    if (fileName !== undefined && /\.(json|jsonl|ndjson)$/i.test(fileName)) return true
    return (fileName === undefined || /\.txt$/i.test(fileName)) && looksLikeJson(head)
  },
  find: findInJson,
})

async function* findInJson(source: ImportSource): AsyncGenerator<Iterable<ImportFinding>, void, undefined> {
  const rows = new JsonRows()
  try {
    for await (const pieces of readPieces(source)) {
      yield rows.find(pieces)
      if (rows.isAbandoned) return
    }
  } catch (error) {
    if (!(error instanceof TextDecodingError)) throw error
    const problem = { message: error.message, advice: error.advice }
    return yield [{ kind: 'problem', problem }, { kind: 'abandoned' }]
  }
  yield rows.end()
}

async function* readPieces(source: ImportSource): AsyncGenerator<Iterable<JsonListPiece>, void, undefined> {
  const reader = new JsonListReader({ elementLengthMax: ROW_LENGTH_MAX })
  for await (const text of decodeText(source.open())) yield reader.read(text, false)
  yield reader.read('', true)
}
