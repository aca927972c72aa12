import { join } from 'node:path'
import type { ExportNoun, ExportRecord } from '../domain/exports/export-service.ts'
import { flatten } from '../lib/flatten.ts'
import type { FlatRow } from '../lib/flatten.ts'
import type { ExportPlan, Exporter } from './exporter.ts'
import { pybossaColumns } from './pybossa-columns.ts'
import { createSpilledTable } from './spilled-table.ts'

/** Lists of ids stay one cell, placed last. */
const ID_LISTS = new Set(['fav_user_ids', 'task_run_ids'])

/**
 * Two tables, as PyBossa's: `<short_name>_<noun>.csv` with whole rows flattened, and `…_info_only.csv` with the keys of
 * `info` alone. Reading the first one reads the records and fills both.
 */
export const csvExporter: Exporter = {
  format: 'csv',
  members(plan) {
    const whole = createSpilledTable(join(plan.scratch, 'whole.ndjson'), ID_LISTS)
    const infoOnly = createSpilledTable(join(plan.scratch, 'info-only.ndjson'), new Set())

    async function* wholeLines(): AsyncGenerator<string> {
      for await (const record of plan.records) {
        const info: unknown = record.info === null ? null : JSON.parse(record.info)
        await whole.add(wholeRow(plan, record, info))
        for (const row of infoRows(plan.noun, record.id, info)) await infoOnly.add(row)
      }
      yield* whole.lines()
    }

    const name = `${plan.shortName}_${plan.noun}`
    return [
      { name: `${name}.csv`, content: wholeLines },
      { name: `${name}_info_only.csv`, content: () => infoOnly.lines() },
    ]
  },
}

function wholeRow({ noun }: ExportPlan, record: ExportRecord, info: unknown): FlatRow {
  const columns = pybossaColumns(noun, record).map(([name, value]): [string, unknown] => {
    if (name === 'info') return [name, info]
    return [name, ID_LISTS.has(name) ? idList(value) : value]
  })
  return flatten(Object.fromEntries(columns))
}

function idList(value: unknown): string {
  return Array.isArray(value) && value.length > 0 ? `[${value.join(', ')}]` : ''
}

/** The rows that a record's info makes: one for an object, one for each object of a list, none for anything else. */
function infoRows(noun: ExportNoun, id: number, info: unknown): FlatRow[] {
  const objects = Array.isArray(info) ? info.filter(isObject) : isObject(info) ? [info] : []
  return objects.map((object) => flatten({ ...object, [`${noun}_id`]: id }))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
