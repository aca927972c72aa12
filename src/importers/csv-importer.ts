import { z } from 'zod'
import { CSV_DELIMITERS, detectDelimiter } from '../lib/csv-delimiter.ts'
import { CsvReader, type CsvPiece } from '../lib/csv-reader.ts'
import { looksLikeJson } from '../lib/json-list-reader.ts'
import { decodeText, TextDecodingError } from '../lib/text-decoding.ts'
import type { CsvFault } from './csv-problems.ts'
import { CsvTable } from './csv-table.ts'
import {
  COLUMNS_MAX,
  defineImporter,
  ROW_LENGTH_MAX,
  type ImportFinding,
  type ImportSource,
} from './importer.ts'
import { TASK_FIELDS } from './task-fields.ts'

export const CsvOptions = z.strictObject({
  /** Detected from the first rows when absent. */
  delimiter: z.enum(CSV_DELIMITERS).optional(),
  /** What columns become, where the owner wants it otherwise than by their names. */
  columns: z
    .array(
      z.strictObject({
        name: z.string(),
        becomes: z.enum(['data', ...TASK_FIELDS, 'ignore']),
        key: z.string().trim().min(1, 'Give the data a name.').max(200).optional(),
      }),
    )
    .max(COLUMNS_MAX)
    .default([]),
})
export type CsvOptions = z.infer<typeof CsvOptions>

/**
 * Task lists as delimited text, uploaded or pasted. Cells are kept as text exactly as written; the rules for headers,
 * PyBossa's columns and blank rows are in docs/importing.md.
 */
export const csvImporter = defineImporter({
  name: 'csv',
  label: 'CSV',
  options: CsvOptions,
  accepts: (fileName, head) => {
    if (fileName !== undefined && /\.(csv|tsv|tab)$/i.test(fileName)) return true
    return (fileName === undefined || /\.txt$/i.test(fileName)) && !looksLikeJson(head)
  },
  find: findInCsv,
})

async function* findInCsv(
  source: ImportSource,
  options: CsvOptions,
): AsyncGenerator<Iterable<ImportFinding>, void, undefined> {
  const table = new CsvTable(options.columns)
  for await (const pieces of readPieces(source, options.delimiter)) {
    yield table.find(pieces)
    if (table.isAbandoned) return
  }
  yield table.end()
}

/** Characters from which the delimiter is detected. */
const SAMPLE_LENGTH = 65_536

async function* readPieces(
  source: ImportSource,
  delimiter: CsvOptions['delimiter'],
): AsyncGenerator<Iterable<CsvPiece | CsvFault>, void, undefined> {
  let reader: CsvReader | undefined
  let sample = ''
  const begin = (isWhole: boolean) =>
    new CsvReader({ delimiter: delimiter ?? detectDelimiter(sample, isWhole), rowLengthMax: ROW_LENGTH_MAX })
  try {
    for await (const text of decodeText(source.open())) {
      if (reader !== undefined) yield reader.read(text, false)
      else sample += text
      if (reader !== undefined || sample.length < SAMPLE_LENGTH) continue
      reader = begin(false)
      yield reader.read(sample, false)
    }
  } catch (error) {
    if (!(error instanceof TextDecodingError)) throw error
    if (reader === undefined) {
      reader = begin(false)
      yield reader.read(sample, false)
    }
    return yield [{ kind: 'undecodable', error, cell: reader.openCell }]
  }
  if (reader === undefined) yield begin(true).read(sample, true)
  else yield reader.read('', true)
}
