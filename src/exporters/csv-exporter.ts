import { csvLine } from '../lib/csv-line.ts'
import type { ExportMember, Exporter } from './exporter.ts'

/**
 * Two tables, as PyBossa's: `<short_name>_<noun>.csv` with whole rows flattened, and `…_info_only.csv` with the keys of
 * `info` alone. The combined and the wide form are one table. A delta has a further one, of what is gone.
 */
export const csvExporter: Exporter = {
  wantsColumns: true,
  passes: 2,
  members({ shortName, rows }) {
    const name = `${shortName}_${rows.table}`
    const members: ExportMember[] = [
      {
        name: `${name}.csv`,
        write: (write) => rows.writeWholeRows(write),
      },
    ]
    if (rows.table !== 'combined' && rows.table !== 'wide') {
      members.push({
        name: `${name}_info_only.csv`,
        write: (write) => rows.writeInfoRows(write),
      })
    }
    if (rows.isDelta) {
      members.push({
        name: `${name}_deleted.csv`,
        async write(write) {
          await write(csvLine(['id']))
          for await (const ids of rows.deletedIds())
            await write(ids.map((id) => csvLine([String(id)])).join(''))
          return ['id']
        },
      })
    }
    return members
  },
}
