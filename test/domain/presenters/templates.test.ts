import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingsSchema } from '../../../src/domain/presenters/template-schema.ts'
import { getTemplate, parseTemplateForm } from '../../../src/domain/presenters/templates.ts'
import { InvalidError, NotFoundError } from '../../../src/lib/errors.ts'
import { readyTemplates } from '../../../src/lib/templates/index.ts'
import { defaultSettings } from '../../../src/lib/templates/settings.ts'

const filled = {
  question: ' Is there a bird? ',
  choices: 'Yes\r\n\r\n No \nMaybe',
  pictureColumn: 'url',
  tutorial: '',
}

function faults(fields: Record<string, string>): Record<string, string> {
  try {
    parseTemplateForm('image-classification', { ...filled, ...fields })
  } catch (error) {
    assert.ok(error instanceof InvalidError)
    return error.fields
  }
  return {}
}

test('a filled-in form becomes settings, with blanks around the texts gone', () => {
  assert.deepEqual(parseTemplateForm('image-classification', filled), {
    kind: 'template',
    template: 'image-classification',
    settings: {
      question: 'Is there a bird?',
      choices: ['Yes', 'No', 'Maybe'],
      multiple: false,
      pictureColumn: 'url',
      instructions: '',
      commentBox: false,
    },
    tutorial: null,
  })
})

test('every wrong field says what to do, beside the field', () => {
  assert.deepEqual(faults({ question: ' ', choices: 'Yes', pictureColumn: '' }), {
    question: 'Write the question that people will answer.',
    choices: 'Give at least two choices.',
    pictureColumn: 'Name the column that holds the address of the picture.',
  })
  assert.deepEqual(faults({ question: 'x'.repeat(301) }), {
    question: '“Question” has at most 300 characters.',
  })
  assert.deepEqual(faults({ choices: `a\n${'x'.repeat(81)}` }), {
    choices: 'A line of “Answer choices” has at most 80 characters.',
  })
  assert.deepEqual(faults({ choices: 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj' }), {
    choices: '“Answer choices” has at most 9 lines.',
  })
  assert.deepEqual(faults({ choices: 'Oui\noui' }), {
    choices: 'Two lines of “Answer choices” are the same.',
  })
  assert.deepEqual(faults({ pictureColumn: 'x'.repeat(201) }), {
    pictureColumn: '“Column with the picture” has at most 200 characters.',
  })
})

test('a tutorial has at most two lines and 500 characters', () => {
  const tutorial = 'Look at the picture.\r\nSay whether there is a bird.'
  assert.equal(
    parseTemplateForm('image-classification', { ...filled, tutorial }).tutorial,
    'Look at the picture.\nSay whether there is a bird.',
  )
  assert.deepEqual(faults({ tutorial: 'a\nb\nc' }), {
    tutorial: 'Use at most 2 lines: people read it before the first task.',
  })
  assert.deepEqual(faults({ tutorial: 'x'.repeat(501), question: '' }), {
    question: 'Write the question that people will answer.',
    tutorial: 'Use at most 500 characters.',
  })
})

test('an empty form is refused for everything it lacks', () => {
  assert.throws(
    () => parseTemplateForm('image-classification', {}),
    (error) =>
      error instanceof InvalidError && Object.keys(error.fields).join() === 'pictureColumn,choices,question',
  )
})

test('a template that does not exist is not found', () => {
  assert.throws(() => getTemplate('mind-reading'), NotFoundError)
  assert.throws(() => parseTemplateForm('mind-reading', filled), NotFoundError)
})

test('the defaults of every template need nothing but a question', () => {
  for (const template of readyTemplates) {
    const settings = { ...defaultSettings(template), question: 'Which?' }
    const { error } = settingsSchema(template).safeParse(settings)
    assert.equal(error, undefined, template.id)
  }
})
