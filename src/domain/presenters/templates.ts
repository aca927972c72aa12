import { z } from 'zod'
import type { JsonObject } from '../../lib/bridge.ts'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import { findTemplate } from '../../lib/templates/index.ts'
import { typedSettings } from '../../lib/templates/settings.ts'
import type { FormValues } from '../../lib/templates/settings.ts'
import type { ReadyTemplate } from '../../lib/templates/template.ts'
import { settingsSchema } from './template-schema.ts'

const TUTORIAL_CHARS_MAX = 500
const TUTORIAL_LINES_MAX = 2

const Tutorial = z
  .string()
  .transform((text) => text.replace(/\r\n?/g, '\n').trim())
  .refine((text) => text.length <= TUTORIAL_CHARS_MAX, `Use at most ${TUTORIAL_CHARS_MAX} characters.`)
  .refine(
    (text) => text.split('\n').length <= TUTORIAL_LINES_MAX,
    `Use at most ${TUTORIAL_LINES_MAX} lines: people read it before the first task.`,
  )

/** @throws NotFoundError */
export function getTemplate(id: string): ReadyTemplate {
  const template = findTemplate(id)
  if (!template) throw new NotFoundError('template', id)
  return template
}

export interface TemplatePresenter {
  kind: 'template'
  template: string
  settings: JsonObject
  /** What people read before their first task; null when there is nothing to say. */
  tutorial: string | null
}

/**
 * A template's settings from its form.
 *
 * @throws InvalidError with a message per field of the form.
 * @throws NotFoundError for an unknown template.
 */
export function parseTemplateForm(templateId: string, values: FormValues): TemplatePresenter {
  const settings = typedSettings(getTemplate(templateId), values)
  return parseTemplatePresenter(templateId, settings, values['tutorial'] ?? '')
}

/**
 * Checks settings from anywhere.
 *
 * @throws InvalidError with a message per field of the form.
 * @throws NotFoundError for an unknown template.
 */
export function parseTemplatePresenter(
  templateId: string,
  settings: unknown,
  tutorial: string,
): TemplatePresenter {
  const template = getTemplate(templateId)
  const parsed = settingsSchema(template).safeParse(settings)
  const parsedTutorial = Tutorial.safeParse(tutorial)
  const crossed = parsed.success ? (template.check?.(parsed.data) ?? {}) : {}
  if (!parsed.success || !parsedTutorial.success || Object.keys(crossed).length > 0) {
    throw new InvalidError('Some fields need another look.', {
      ...(parsed.error ? byField(template, parsed.error) : crossed),
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

/** A fault of the third line belongs to its field; one within a list's item to the item's field. */
function byField({ fields }: ReadyTemplate, error: z.ZodError) {
  return Object.fromEntries(
    Object.entries(fieldErrors(error))
      .reverse()
      .map(([path, message]) => {
        const [name = '', ...rest] = path.split('.')
        const isList = fields.some((field) => field.kind === 'list' && field.name === name)
        return [isList ? [name, ...rest.slice(0, 2)].join('.') : name, message]
      }),
  )
}
