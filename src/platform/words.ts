import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import i18next from 'i18next'
import nunjucks from 'nunjucks'

const { SafeString } = nunjucks.runtime

const english = readFileSync(new URL('../locales/en.json', import.meta.url), 'utf8')
/** Differs whenever the catalogue does. */
export const wordsVersion = createHash('sha256').update(english).digest('base64url')
const words = i18next.createInstance()
void words.init({
  lng: 'en',
  initAsync: false,
  // Nunjucks escapes.
  interpolation: { escapeValue: false },
  resources: { en: { translation: JSON.parse(english) as object } },
})

/** Sentences without values by their keys: a page has dozens, which the library looks up anew each time. */
const plain = new Map<string, string>()

function plainWords(key: string): string {
  const known = plain.get(key)
  if (known !== undefined) return known
  const text = words.t(key)
  plain.set(key, text)
  return text
}

/**
 * Gives templates `t(key, values)`, a sentence of the catalogue. Markup among its values, which is what macros give,
 * stays as it is; all else is escaped once, as any value is.
 *
 * @param options.strict a value that is undefined or null throws, as `throwOnUndefined` does outside of sentences.
 */
export function addWords(environment: nunjucks.Environment, { strict = false } = {}): void {
  const escape = environment.getFilter('escape') as (text: string) => { toString(): string }
  environment.addGlobal('t', (key: string, values?: Record<string, unknown>) => {
    if (values === undefined) return plainWords(key)
    const names = Object.keys(values)
    if (strict && names.some((name) => values[name] == null))
      throw new TypeError(`${key}: a value is missing`)
    const marked = names.filter((name) => values[name] instanceof SafeString)
    if (marked.length === 0) return words.t(key, values)
    const places = Object.fromEntries(marked.map((name) => [name, `\0${name}\0`]))
    const text = escape(words.t(key, { ...values, ...places })).toString()
    return new SafeString(text.replace(/\0(\w+)\0/g, (_, name: string) => String(values[name])))
  })
}
