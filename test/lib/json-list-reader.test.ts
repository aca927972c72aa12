import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonListReader, type JsonListPiece } from '../../src/lib/json-list-reader.ts'

function read(text: string, pieceLength = 3, elementLengthMax = 100_000): JsonListPiece[] {
  const reader = new JsonListReader({ elementLengthMax })
  const pieces: JsonListPiece[] = []
  for (let from = 0; from < text.length; from += pieceLength) {
    pieces.push(...reader.read(text.slice(from, from + pieceLength), false))
  }
  return [...pieces, ...reader.read('', true)]
}

function valuesOf(pieces: JsonListPiece[]): unknown[] {
  return pieces.map((piece) => (piece.kind === 'element' ? (JSON.parse(piece.text) as unknown) : piece))
}

test('any list comes back element by element', () => {
  const property = fc.property(
    fc.array(fc.jsonValue()),
    fc.constantFrom(undefined, 2, '\t'),
    fc.integer({ min: 1, max: 20 }),
    (list, indent, pieceLength) => {
      const text = JSON.stringify(list, null, indent)
      // Through JSON, which has no -0.
      assert.deepEqual(valuesOf(read(text, pieceLength)), JSON.parse(text))
    },
  )
  fc.assert(property, { numRuns: 500 })
})

test('any objects come back from their lines', () => {
  const property = fc.property(
    fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1 }),
    fc.constantFrom('\n', '\r\n', '\r', '\n\n'),
    fc.integer({ min: 1, max: 20 }),
    (objects, lineEnd, pieceLength) => {
      const text = objects.map((object) => JSON.stringify(object)).join(lineEnd)
      // Through JSON, which has neither -0 nor objects without a prototype.
      assert.deepEqual(valuesOf(read(text, pieceLength)), JSON.parse(JSON.stringify(objects)))
    },
  )
  fc.assert(property)
})

test('elements know their position and line, whatever the line ends', () => {
  const places = (text: string) =>
    read(text, 1).map((piece) => (piece.kind === 'element' ? [piece.position, piece.line] : piece.kind))
  assert.deepEqual(places('\r\n[1,\r\n[2,\n2],\r\r3]\r\n'), [
    [1, 2],
    [2, 3],
    [3, 6],
  ])
  assert.deepEqual(places('{"a":1}\r\n\r\n{"b":2}\r{"c":3}'), [
    [1, 1],
    [2, 3],
    [3, 4],
  ])
})

test('brackets, commas and escaped quotes inside strings separate nothing', () => {
  const list = [{ a: '],[{' }, '\\', '\\"', 'x"]', ['a,b', { ',': '}' }]]
  assert.deepEqual(valuesOf(read(JSON.stringify(list), 1)), list)
})

test('what is missing between or behind commas is an element that is no JSON', () => {
  const texts = (text: string) =>
    read(text).map((piece) => (piece.kind === 'element' ? piece.text : piece.kind))
  assert.deepEqual(texts('[]'), [])
  assert.deepEqual(texts('[ \n]'), [])
  assert.deepEqual(texts('[1,]'), ['1', ''])
  assert.deepEqual(texts('[,1]'), ['', '1'])
  assert.deepEqual(texts('[1 2]'), ['1 2'])
  assert.deepEqual(texts('[{"a":1}},{"b":2}]'), ['{"a":1}}', '{"b":2}'])
})

test('a text that is no list, not closed or goes on is named with its line', () => {
  assert.deepEqual(read('\nhello'), [{ kind: 'not-a-list', line: 2 }])
  assert.deepEqual(valuesOf(read('[1,\n[2')), [1, { kind: 'list-not-closed', line: 2 }])
  assert.deepEqual(valuesOf(read('[1,\n"2')), [1, { kind: 'list-not-closed', line: 2 }])
  assert.deepEqual(valuesOf(read('[1]\n\n[2]')), [1, { kind: 'text-after-list', line: 3 }])
})

test('an element that is too long ends the reading', () => {
  const long = 'x'.repeat(50)
  for (const pieceLength of [3, 40, 500]) {
    for (const text of [`[1,"${long}",2]`, `[1,"${long}`]) {
      assert.deepEqual(valuesOf(read(text, pieceLength, 30)), [
        1,
        { kind: 'element-too-long', position: 2, line: 1 },
      ])
    }
    assert.deepEqual(valuesOf(read(`{}\n{"a":"${long}"}\n{}`, pieceLength, 30)), [
      {},
      { kind: 'element-too-long', position: 2, line: 2 },
    ])
  }
})
