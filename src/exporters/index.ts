import type { ExportFormat } from '../domain/exports/export-service.ts'
import { cocoExporter } from './coco-exporter.ts'
import { csvExporter } from './csv-exporter.ts'
import type { Exporter } from './exporter.ts'
import { geojsonExporter } from './geojson-exporter.ts'
import { jsonExporter, ndjsonExporter } from './json-exporter.ts'
import { webannotationExporter } from './webannotation-exporter.ts'
import { webvttExporter } from './webvtt-exporter.ts'

/** The output formats by name. A further one is one file and one line here. */
export const exporters: Readonly<Record<ExportFormat, Exporter>> = {
  csv: csvExporter,
  json: jsonExporter,
  ndjson: ndjsonExporter,
  coco: cocoExporter,
  geojson: geojsonExporter,
  webannotation: webannotationExporter,
  webvtt: webvttExporter,
}
