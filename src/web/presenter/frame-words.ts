import { readFileSync, readdirSync } from 'node:fs'
import { readyTemplates } from '../../lib/templates/index.ts'

type Words = Readonly<Record<string, string>>

/** What several templates share, a catalogue says once. */
const SHARED: Readonly<Record<string, string>> = {
  'image-regions': 'marking',
  map: 'marking',
  audio: 'timing',
  video: 'timing',
}

const folder = new URL('../../locales/frames/', import.meta.url)
const catalogues: ReadonlyMap<string, Words> = new Map(
  readdirSync(folder).map((name) => [
    name.replace('.json', ''),
    wordsOf(JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Record<string, Words>),
  ]),
)

/**
 * What frames say in a language, as the bridge carries it: words of all templates by their keys, a template's own with its
 * id in front. Empty for English, which is in the scripts, and where there is no catalogue.
 *
 * @param locale a code such as es or es-MX
 */
export function frameWords(locale: string): Words {
  return catalogues.get(locale.toLowerCase().replace(/[-_].*$/, '')) ?? {}
}

function wordsOf(catalogue: Record<string, Words>): Words {
  const ofTemplates = readyTemplates.flatMap(({ id }) =>
    Object.entries({ ...catalogue[SHARED[id] ?? ''], ...catalogue[id] }).map(([key, text]) => [
      `${id}.${key}`,
      text,
    ]),
  )
  return { ...catalogue['shared'], ...(Object.fromEntries(ofTemplates) as Words) }
}
