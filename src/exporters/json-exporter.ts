import type { ExportMember, ExportPlan, Exporter } from './exporter.ts'

/** An array of whole rows: `<short_name>_<noun>.json`. `info` is passed on as the database writes it, number by number. */
export const jsonExporter: Exporter = {
  wantsColumns: false,
  passes: 1,
  members: (plan) => jsonMembers(plan, 'json', 'list'),
}

/** The same rows, one on each line: `<short_name>_<noun>.ndjson`. */
export const ndjsonExporter: Exporter = {
  wantsColumns: false,
  passes: 1,
  members: (plan) => jsonMembers(plan, 'ndjson', 'lines'),
}

function jsonMembers(
  { shortName, rows }: ExportPlan,
  ending: 'json' | 'ndjson',
  form: 'list' | 'lines',
): ExportMember[] {
  const name = `${shortName}_${rows.table}`
  const all: ExportMember = { name: `${name}.${ending}`, write: (write) => rows.writeJson(write, form) }
  if (!rows.isDelta) return [all]
  const deleted: ExportMember = {
    name: `${name}_deleted.json`,
    async write(write) {
      let before = '['
      for await (const ids of rows.deletedIds()) {
        await write(before + ids.join(','))
        before = ','
      }
      await write(before === '[' ? '[]' : ']')
      return undefined
    },
  }
  return [all, deleted]
}
