import type { ExportRecord } from '../domain/exports/export-service.ts'
import type { ExportPlan, Exporter } from './exporter.ts'
import { pybossaColumns } from './pybossa-columns.ts'

/** An array of whole rows: `<short_name>_<noun>.json`. `info` is passed on as the database writes it, number by number. */
export const jsonExporter: Exporter = {
  format: 'json',
  members: (plan) => [{ name: `${plan.shortName}_${plan.noun}.json`, content: () => jsonArray(plan) }],
}

async function* jsonArray({ noun, records }: ExportPlan): AsyncGenerator<string> {
  let before = '['
  for await (const record of records) {
    const members = pybossaColumns(noun, record).map(([name, value]) => member(record, name, value))
    yield `${before}{${members.join(', ')}}`
    before = ',\n'
  }
  yield before === '[' ? '[]' : ']'
}

function member(record: ExportRecord, name: string, value: unknown): string {
  return `"${name}": ${name === 'info' ? (record.info ?? 'null') : JSON.stringify(value)}`
}
