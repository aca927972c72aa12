import { InvalidError } from '../lib/errors.ts'
import { csvImporter } from './csv-importer.ts'
import type { Importer } from './importer.ts'
import { jsonImporter } from './json-importer.ts'
import { picturesImporter } from './pictures-importer.ts'
import { xlsxImporter } from './xlsx-importer.ts'

/** Every way to bring tasks in. A new importer is one line here and its file. */
export const importers: readonly Importer[] = [csvImporter, jsonImporter, xlsxImporter, picturesImporter]

/**
 * The importer for an uploaded file, or for pasted text.
 *
 * @param fileName undefined for pasted text
 * @param head the first bytes, 1 KB or more where there are as many
 * @throws InvalidError for a kind of file that none of them reads.
 */
export function chooseImporter(fileName: string | undefined, head: Uint8Array): Importer {
  const importer = importers.find((candidate) => candidate.accepts(fileName, head))
  if (importer !== undefined) return importer
  const message = `“${fileName ?? ''}” is not a kind of file that can be imported. Upload a CSV file (.csv, .tsv), a JSON file (.json, .jsonl, .ndjson), an Excel file (.xlsx) or a zip of pictures (.zip).`
  throw new InvalidError(message, { file: message })
}

/** The importer that an import was begun with; undefined when there is none of this name. */
export function findImporter(name: string): Importer | undefined {
  return importers.find((importer) => importer.name === name)
}
