import { isObject } from './bridge.ts'

/** What an owner sets for the ready template `image-classification`. */
export interface ImageClassificationSettings {
  question: string
  /** 2 to 9, because each has a number key. */
  choices: string[]
  /** The key of a task's info that holds the picture's address. */
  pictureColumn: string
}

/** Settings out of JSON, whatever is in it: what is missing or of another type is empty. */
export function readImageClassification(value: unknown): ImageClassificationSettings {
  const { question, choices, pictureColumn } = isObject(value) ? value : {}
  return {
    question: typeof question === 'string' ? question : '',
    choices: Array.isArray(choices) ? choices.filter((choice) => typeof choice === 'string') : [],
    pictureColumn: typeof pictureColumn === 'string' ? pictureColumn : '',
  }
}

/** What a frame's document says about itself, as JSON in `#presenter-document`. */
export interface FrameDocument {
  /** The origin of the only page that may embed it. */
  site: string
  /** Null for code of the owner's own. */
  template: string | null
  settings: unknown
}

/** The most choices that number keys can answer. */
export const CHOICES_MAX = 9

/**
 * The choices of a form, as they were typed: a text `choices` with one a line, or fields `choice1` to `choice9`.
 * Empty ones do not count.
 */
export function typedChoices(fields: Readonly<Record<string, string>>): string[] {
  const numbered = Array.from({ length: CHOICES_MAX }, (_, index) => fields[`choice${index + 1}`] ?? '')
  const typed = fields['choices'] === undefined ? numbered : fields['choices'].split(/\r\n?|\n/)
  return typed.map((choice) => choice.trim()).filter((choice) => choice !== '')
}
