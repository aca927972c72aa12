import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readImageClassification, typedChoices } from '../../src/lib/presenter-settings.ts'

test('settings are read out of any JSON, empty where it says nothing', () => {
  const settings = { question: 'Which?', choices: ['a', 'b'], pictureColumn: 'url' }
  assert.deepEqual(readImageClassification(settings), settings)
  const empty = { question: '', choices: [], pictureColumn: '' }
  for (const odd of [null, 5, 'x', [], { question: 1, choices: 'a', pictureColumn: null }]) {
    assert.deepEqual(readImageClassification(odd), empty)
  }
  assert.deepEqual(readImageClassification({ choices: ['a', 1, null] }).choices, ['a'])
})

test('choices are the lines of one field, or fields of their own', () => {
  assert.deepEqual(typedChoices({ choices: ' a \r\n\n b\rc' }), ['a', 'b', 'c'])
  assert.deepEqual(typedChoices({ choice2: 'b', choice1: 'a', choice10: 'no' }), ['a', 'b'])
  assert.deepEqual(typedChoices({}), [])
})
