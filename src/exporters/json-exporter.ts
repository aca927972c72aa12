import { Readable } from 'node:stream'
import type { ExportJob, ExportRow, Exporter } from './exporter.ts'

/** An array of whole rows: `<short_name>_<noun>.json`. */
export const jsonExporter: Exporter = {
  format: 'json',
  async *write({ noun, shortName, rows }: ExportJob) {
    yield { name: `${shortName}_${noun}.json`, content: Readable.from(jsonArray(rows)) }
  },
}

async function* jsonArray(rows: AsyncIterable<ExportRow>): AsyncGenerator<string> {
  let separator = '['
  for await (const row of rows) {
    yield `${separator}${JSON.stringify(row)}`
    separator = ',\n'
  }
  yield separator === '[' ? '[]' : ']'
}
