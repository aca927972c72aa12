import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askedText } from '../../src/exporters/asked-text.ts'

const asked = (template: string | null, settings: Parameters<typeof askedText>[0]['settings']) =>
  askedText({ id: 7, created: '2026-11-02', template, settings })

test('what people were asked is told by a line for each setting, without what was left empty', () => {
  assert.equal(
    asked('image-regions', {
      question: 'Where are birds?',
      shapes: 'any',
      labels: ['Wren', 'Owl'],
      instructions: 'Look twice.\nThen mark.',
    }),
    `Version 7, from 2026-11-02: Marking pictures
  Question: Where are birds?
  Column with the picture: picture
  What people draw: All three
  Labels:
    - Wren
    - Owl
  Instructions:
    Look twice.
    Then mark.
  Let people add a comment: no`,
  )
})

test('a list of fields has one line for each', () => {
  const text = asked('free-form', { fields: [{ label: 'Which?', type: 'text', required: true }] })
  assert.match(text, /\n {2}Fields:\n {4}- Label: Which\?; Kind of field: Text; .*: yes/)
})

test('code and templates that are not known are named', () => {
  assert.equal(asked(null, null), 'Version 7, from 2026-11-02: code of the project’s owner')
  assert.equal(asked('of-old', { a: 1 }), 'Version 7, from 2026-11-02: of-old {"a":1}')
})
