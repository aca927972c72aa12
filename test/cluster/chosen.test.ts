import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chosen } from './chosen.ts'

const all = [{ name: 'host lost' }, { name: 'host added' }, { name: 'pooler killed' }]

test('a word chooses what has it in its name, and no word all', () => {
  assert.deepEqual(chosen(all, 'host'), all.slice(0, 2))
  assert.deepEqual(chosen(all, ''), all)
})

test('a word that chooses nothing is refused: a proof of nothing would hold', () => {
  assert.throws(
    () => chosen(all, 'hots'),
    /“hots” chooses none of these: host lost, host added, pooler killed/,
  )
  assert.throws(() => chosen([], ''))
})
