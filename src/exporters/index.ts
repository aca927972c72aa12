import { csvExporter } from './csv-exporter.ts'
import type { Exporter } from './exporter.ts'
import { jsonExporter } from './json-exporter.ts'

/** The output formats by name. A further one is one file and one line here. */
export const exporters = { csv: csvExporter, json: jsonExporter } satisfies Record<string, Exporter>
