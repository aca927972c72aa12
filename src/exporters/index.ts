import type { ExportFormat } from '../domain/exports/export-service.ts'
import { csvExporter } from './csv-exporter.ts'
import type { Exporter } from './exporter.ts'
import { jsonExporter, ndjsonExporter } from './json-exporter.ts'

/** The output formats by name. A further one is one file and one line here. */
export const exporters: Readonly<Record<ExportFormat, Exporter>> = {
  csv: csvExporter,
  json: jsonExporter,
  ndjson: ndjsonExporter,
}
