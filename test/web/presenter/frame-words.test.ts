import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { PRESENTER_STRINGS } from '../../../src/lib/contribute-strings.ts'
import { readyTemplates } from '../../../src/lib/templates/index.ts'
import { frameWords } from '../../../src/web/presenter/frame-words.ts'

const english: Record<string, string> = {
  ...PRESENTER_STRINGS,
  ...Object.fromEntries(
    readyTemplates.flatMap(({ id, words }) =>
      Object.entries(words).map(([key, text]) => [`${id}.${key}`, text]),
    ),
  ),
}
const placesIn = (text = '') => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort()

for (const file of readdirSync('src/locales/frames')) {
  const locale = file.replace('.json', '')
  test(`the catalogue ${locale} says everything that frames say, and nothing else`, () => {
    const words = frameWords(locale)
    assert.equal(words['language'], locale)
    assert.deepEqual(Object.keys(words).sort(), Object.keys(english).sort())
    for (const [key, text] of Object.entries(english)) {
      assert.notEqual(words[key], '', key)
      assert.deepEqual(placesIn(words[key]), placesIn(text), key)
    }
  })
}

test('a language with a country has the words of the language, an unknown one none', () => {
  assert.equal(frameWords('es-MX'), frameWords('es'))
  assert.equal(frameWords('es_ES'), frameWords('es'))
  for (const locale of ['en', 'est', '', 'constructor']) assert.deepEqual(frameWords(locale), {})
})
