import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseStrictJson } from '../../src/lib/strict-json.ts'

function refuses(text: string, message: string | RegExp): void {
  assert.throws(() => parseStrictJson(text), { name: 'InvalidError', kind: 'invalid', message })
}

test('JSON that can be kept is parsed as ever', () => {
  const isStorable = (text: string) => !text.includes('\\u0000') && !/(^|[[:,])-?\d{16,}($|[\],}])/.test(text)
  const storable = fc.json().filter(isStorable)
  fc.assert(
    fc.property(storable, (text) => {
      assert.deepEqual(parseStrictJson(text), JSON.parse(text))
    }),
  )
})

test('an integer that a number cannot hold exactly is refused, not rounded', () => {
  assert.equal(parseStrictJson('9007199254740991'), 9007199254740991)
  assert.equal(parseStrictJson('-9007199254740991'), -9007199254740991)
  refuses('9007199254740992', 'holds a number too large to be kept exactly: 9007199254740992')
  refuses('{"a":[{"id":-9007199254740993}]}', /: -9007199254740993 \(at "id"\)$/)
  refuses(`[1${'0'.repeat(200)}]`, /: 1[0]{78}… \(at "0"\)$/)
})

test('a number beyond what a double holds is refused, not made null', () => {
  refuses('{"n":1e999}', 'holds a number too large to be kept exactly: 1e999 (at "n")')
  assert.deepEqual(parseStrictJson('{"n":1e300,"text":"90071992547409930"}'), {
    n: 1e300,
    text: '90071992547409930',
  })
})

test('fractions with many digits are numbers like any other', () => {
  assert.equal(parseStrictJson('0.12345678901234567890'), 0.12345678901234568)
})

test('NUL and half surrogate pairs are refused in strings and keys', () => {
  refuses('{"a":{"b":"x\\u0000"}}', 'holds a NUL character (\\u0000), which cannot be stored (at "a.b")')
  refuses('"\\u0000"', 'holds a NUL character (\\u0000), which cannot be stored')
  refuses('{"a":{"\\u0000":1}}', /NUL.* \(at "a"\)$/)
  refuses('["\\ud83c"]', 'holds half of a surrogate pair, which cannot be stored (at "0")')
  refuses('{"\\udf33":1}', /surrogate/)
  assert.equal(parseStrictJson('"\\ud83c\\udf33"'), '🌳')
})

test('a place with a long name is cut', () => {
  refuses(`{"${'k'.repeat(200)}":"\\u0000"}`, /\(at "k{79}…"\)$/)
})

test('nesting ends at 100 levels', () => {
  assert.ok(parseStrictJson('['.repeat(100) + ']'.repeat(100)))
  refuses('['.repeat(101) + ']'.repeat(101), 'is nested more than 100 levels deep')
  refuses('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000), 'is nested more than 100 levels deep')
})

test('what is not JSON is refused with the parser’s reason', () => {
  refuses('{a:1}', /^is not valid JSON \(.+\)$/)
  refuses('[NaN]', /^is not valid JSON/)
  refuses('', /^is not valid JSON/)
})
