import { z } from 'zod'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { FieldErrors } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import { CHOICES_MAX, typedChoices } from '../../lib/presenter-settings.ts'
import type { ImageClassificationSettings } from '../../lib/presenter-settings.ts'

const TUTORIAL_CHARS_MAX = 500
const TUTORIAL_LINES_MAX = 2

const Choice = z
  .string()
  .trim()
  .min(1, 'Leave no choice empty.')
  .max(80, 'A choice has at most 80 characters.')

const ImageClassification = z.strictObject({
  question: z
    .string()
    .trim()
    .min(1, 'Write the question that people will answer.')
    .max(300, 'A question has at most 300 characters.'),
  choices: z
    .array(Choice)
    .min(2, 'Give at least two choices.')
    .max(CHOICES_MAX, `Give at most ${CHOICES_MAX} choices: each has a number key.`)
    .refine((choices) => new Set(choices.map(foldCase)).size === choices.length, 'Two choices are the same.'),
  pictureColumn: z
    .string()
    .trim()
    .min(1, 'Name the column that holds the address of the picture.')
    .max(200, 'The name of a column has at most 200 characters.'),
}) satisfies z.ZodType<ImageClassificationSettings>

const Tutorial = z
  .string()
  .transform((text) => text.replace(/\r\n?/g, '\n').trim())
  .refine((text) => text.length <= TUTORIAL_CHARS_MAX, `Use at most ${TUTORIAL_CHARS_MAX} characters.`)
  .refine(
    (text) => text.split('\n').length <= TUTORIAL_LINES_MAX,
    `Use at most ${TUTORIAL_LINES_MAX} lines: people read it before the first task.`,
  )

/** A presenter that needs no code: its owner fills in a form. */
export interface PresenterTemplate {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly schema: typeof ImageClassification
  /** What the form holds at first. */
  readonly defaults: ImageClassificationSettings & { tutorial: string }
}

/** The ready templates, in the order in which owners see them. */
export const presenterTemplates: readonly PresenterTemplate[] = [
  {
    id: 'image-classification',
    name: 'Image classification',
    description: 'One picture, one question, and a choice to make: by mouse, touch or number key.',
    schema: ImageClassification,
    defaults: {
      question: '',
      choices: ['Yes', 'No', 'I cannot tell'],
      pictureColumn: 'picture',
      tutorial: '',
    },
  },
]

/** @throws NotFoundError */
export function getTemplate(id: string): PresenterTemplate {
  const template = presenterTemplates.find((candidate) => candidate.id === id)
  if (!template) throw new NotFoundError('template', id)
  return template
}

export interface TemplatePresenter {
  kind: 'template'
  template: string
  settings: ImageClassificationSettings
  /** What people read before their first task; null when there is nothing to say. */
  tutorial: string | null
}

/**
 * A template's settings from its form. `choices` is a text with a choice a line; or the fields `choice1` to `choice9`.
 * Empty lines and fields do not count.
 *
 * @throws InvalidError with a message per field (`question`, `choices`, `pictureColumn`, `tutorial`).
 * @throws NotFoundError for an unknown template.
 */
export function parseTemplateForm(
  templateId: string,
  fields: Readonly<Record<string, string>>,
): TemplatePresenter {
  const { question = '', pictureColumn = '', tutorial = '' } = fields
  return parseTemplatePresenter(
    templateId,
    { question, pictureColumn, choices: typedChoices(fields) },
    tutorial,
  )
}

/**
 * Checks settings from anywhere.
 *
 * @throws InvalidError with a message per field.
 * @throws NotFoundError for an unknown template.
 */
export function parseTemplatePresenter(
  templateId: string,
  settings: unknown,
  tutorial: string,
): TemplatePresenter {
  const parsed = getTemplate(templateId).schema.safeParse(settings)
  const parsedTutorial = Tutorial.safeParse(tutorial)
  if (!parsed.success || !parsedTutorial.success) {
    throw new InvalidError('Some fields need another look.', {
      ...byField(parsed.error),
      ...(parsedTutorial.success ? {} : { tutorial: parsedTutorial.error.issues[0]?.message ?? '' }),
    })
  }
  return {
    kind: 'template',
    template: templateId,
    settings: parsed.data,
    tutorial: parsedTutorial.data || null,
  }
}

/** A fault of the third choice belongs to the field `choices`. */
function byField(error: z.ZodError | undefined): FieldErrors {
  const fields: FieldErrors = {}
  for (const [path, message] of Object.entries(error ? fieldErrors(error) : {})) {
    fields[path.split('.')[0] ?? path] ??= message
  }
  return fields
}

function foldCase(text: string): string {
  return text.normalize('NFC').toLocaleLowerCase('en')
}
