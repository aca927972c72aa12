import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageClassification } from '../../../src/lib/templates/image-classification.ts'
import { formValues, readSettings, typedSettings } from '../../../src/lib/templates/settings.ts'
import { defineTemplate } from '../../../src/lib/templates/template.ts'

const defaults = {
  question: '',
  choices: ['Yes', 'No', 'I cannot tell'],
  multiple: false,
  pictureColumn: 'picture',
  instructions: '',
  commentBox: false,
}

test('settings are read out of any JSON, with defaults where it says nothing', () => {
  const stored = { question: 'Which?', choices: ['a', 'b'], pictureColumn: 'url' }
  assert.deepEqual(readSettings(imageClassification, stored), { ...defaults, ...stored })
  for (const odd of [null, 5, 'x', [], { question: 1, choices: 'a', pictureColumn: null, multiple: 'on' }]) {
    assert.deepEqual(readSettings(imageClassification, odd), defaults)
  }
  assert.deepEqual(readSettings(imageClassification, { choices: ['a', 1, null] }).choices, ['a'])
})

test('what was typed becomes settings: lines apart, blanks gone, switches as they are', () => {
  const typed = typedSettings(imageClassification, {
    question: ' Which? ',
    choices: ' a \r\n\n b\rc',
    multiple: 'on',
    instructions: ' one\r\ntwo ',
  })
  assert.deepEqual(typed, {
    ...defaults,
    question: 'Which?',
    choices: ['a', 'b', 'c'],
    multiple: true,
    pictureColumn: '',
    instructions: 'one\ntwo',
  })
})

const form = defineTemplate({
  id: 'test',
  name: 'Test',
  description: '',
  icon: '',
  fields: [
    {
      kind: 'list',
      name: 'parts',
      label: 'Parts',
      item: 'Part',
      default: [],
      min: 1,
      max: 3,
      fields: [
        { kind: 'text', name: 'label', label: 'Label', default: '', required: true, charsMax: 10 },
        { kind: 'number', name: 'most', label: 'Most', default: null, required: false, min: 0, max: 9 },
        {
          kind: 'choice',
          name: 'type',
          label: 'Type',
          default: 'text',
          options: [
            { value: 'text', label: 'Text' },
            { value: 'date', label: 'Date' },
          ],
        },
      ],
    },
  ],
  words: {},
})

test('the items of a list are fields with its name and their number, there and back', () => {
  const parts = [
    { label: 'One', most: 3, type: 'text' },
    { label: 'Two', most: null, type: 'date' },
  ]
  const settings = { ...readSettings(form, { parts }) }
  const values = formValues(form, settings)
  assert.equal(values['parts.1.label'], 'Two')
  assert.deepEqual(typedSettings(form, values), settings)
  const odd = typedSettings(form, { 'parts.0.most': 'many', 'parts.900.label': 'x', 'parts.x.label': 'y' })
  assert.deepEqual(odd['parts'], [
    { label: '', most: 'many', type: 'text' },
    { label: '', most: null, type: 'text' },
    { label: '', most: null, type: 'text' },
  ])
})
