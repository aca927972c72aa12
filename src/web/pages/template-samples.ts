import { createReadStream, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ReadyTemplate } from '../../lib/templates/template.ts'
import { csvImporter } from '../../importers/csv-importer.ts'
import type { App } from '../../platform/app.ts'
import type { Json } from '../../platform/schema.ts'

const folder = fileURLToPath(new URL('../../demo/samples/', import.meta.url))

/** The tasks that ship with a template, with media of our own. */
export async function templateSamples(
  { config }: Pick<App, 'config'>,
  { id }: ReadyTemplate,
): Promise<Json[]> {
  const file = `${folder}${id}/tasks.csv`
  if (!existsSync(file)) return []
  const infos: Json[] = []
  const source = { config, open: () => createReadStream(file) }
  for await (const { info } of csvImporter.read(source, {})) infos.push(info as Json)
  return infos
}
