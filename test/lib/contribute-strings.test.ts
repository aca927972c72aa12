import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CONTRIBUTE_STRINGS,
  PRESENTER_STRINGS,
  filled,
  withTranslation,
} from '../../src/lib/contribute-strings.ts'

test('a translation takes the place of the English words it has', () => {
  const words = withTranslation(PRESENTER_STRINGS, {
    skip: 'Überspringen',
    retry: '',
    zoomIn: 5,
    unknown: 'x',
  })
  assert.equal(words.skip, 'Überspringen')
  assert.equal(words.retry, PRESENTER_STRINGS.retry)
  assert.equal(words.zoomIn, PRESENTER_STRINGS.zoomIn)
  assert.deepEqual(Object.keys(words), Object.keys(PRESENTER_STRINGS))
})

test('values are filled in where a text names them', () => {
  assert.equal(filled(CONTRIBUTE_STRINGS.projectProgress_other, { given: '5', count: '9' }), '5 of 9 answers')
  assert.equal(filled('{count} {constructor} {other}', { count: '1' }), '1 {constructor} {other}')
})
