import assert from 'node:assert/strict'
import test from 'node:test'
import { cellText, csvLine, flatten } from '../../src/lib/flatten.ts'

test('nested records become columns joined by single underscores', () => {
  const record = { id: 1, info: { a: { b: 2 }, list: ['x', { y: true }] } }
  assert.deepEqual(
    [...flatten(record)],
    [
      ['id', 1],
      ['info_a_b', 2],
      ['info_list_0', 'x'],
      ['info_list_1_y', true],
    ],
  )
})

test('scalars keep their column and empty containers leave none', () => {
  assert.deepEqual(
    [...flatten({ info: 'text', none: null, list: [], object: {} })],
    [
      ['info', 'text'],
      ['none', null],
    ],
  )
})

test('two keys that lead to one name keep both values', () => {
  const flat = flatten({ info: { a_b: 1, a: { b: 2 } }, info_a: { b: 3 } })
  assert.deepEqual(
    [...flat],
    [
      ['info_a_b', 1],
      ['info_a_b.1', 2],
      ['info_a_b.2', 3],
    ],
  )
})

test('cells are written as PyBossa writes them', () => {
  assert.deepEqual([null, undefined, true, false, 3, 0.1, -2, 'text', '', ['a']].map(cellText), [
    '',
    '',
    'True',
    'False',
    '3',
    '0.1',
    '-2',
    'text',
    '',
    '["a"]',
  ])
})

test('a text that a spreadsheet would run gets an apostrophe, a plain number does not', () => {
  for (const text of ['=1+1', '+49 30', '-x', '@SUM(A1)', '\tx', '\rx', '-', '=', '+1e', '--1']) {
    assert.equal(cellText(text), `'${text}`)
  }
  for (const text of ['-5', '+5', '-0.5', '+1e5', '-1.5E-7', '007', 'a=b', ' =1', "'=1"]) {
    assert.equal(cellText(text), text)
  }
})

test('cells are quoted only where they have to be', () => {
  assert.equal(csvLine(['a', 'b c', 'd,e', 'f"g', 'h\ni', 'j\rk', '']), 'a,b c,"d,e","f""g","h\ni","j\rk",\n')
})
