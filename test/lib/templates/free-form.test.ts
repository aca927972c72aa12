import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldKeys, freeForm } from '../../../src/lib/templates/free-form.ts'
import { readSettings } from '../../../src/lib/templates/settings.ts'

function problemsOf(fields: object[], more: object = {}): Readonly<Record<string, string>> {
  return freeForm.check?.({ ...readSettings(freeForm, { fields, ...more }) }) ?? {}
}

test('fields are stored by name, or by their label in plain letters, and never two by the same', () => {
  const labels = ['Größe (cm)', 'Größe  cm!', '???', '日付']
  const fields = [...labels.map((label) => ({ label, name: '' })), { label: 'x', name: 'Own Name' }]
  assert.deepEqual(fieldKeys(fields), ['große_cm', 'große_cm_2', 'field_3', '日付', 'Own Name'])
})

test('a name is given once, and not that of the comment', () => {
  const twice = [
    { label: 'Size', name: '' },
    { label: 'Other', name: 'size' },
  ]
  assert.deepEqual(problemsOf(twice), {
    'fields.1.name': 'The name “size” is taken. Give this field another.',
  })
  const comment = [{ label: 'Comment', name: '' }]
  assert.deepEqual(problemsOf(comment), {})
  assert.deepEqual(Object.keys(problemsOf(comment, { commentBox: true })), ['fields.0.name'])
})

test('a condition names a field above and a value; ranges go upwards', () => {
  const fields = [
    { label: 'First', whenField: 'Second', whenIs: 'x' },
    { label: 'Second', whenField: 'first', whenIs: '' },
    { label: 'Third', type: 'number', min: 5, max: 5 },
    { label: 'Fourth', type: 'scale', min: 0.5 },
    { label: 'Fifth', type: 'scale', max: 11 },
  ]
  assert.deepEqual(problemsOf(fields), {
    'fields.0.whenField': 'No field above is called “Second”.',
    'fields.1.whenIs': 'Write the value to wait for.',
    'fields.2.max': 'Give a larger number than the smallest.',
    'fields.3.max': 'A scale has whole numbers and at most 11 steps.',
  })
})
