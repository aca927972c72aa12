import { InvalidError } from '../lib/errors.ts'
import { parseStrictJson } from '../lib/strict-json.ts'

/** PyBossa's names, and one of ours, of what a source may say about a task beside its data. */
export const TASK_FIELDS = ['n_answers', 'priority_0', 'calibration', 'expected_info', 'quorum'] as const

export type TaskField = (typeof TASK_FIELDS)[number]

/** What is absent gets the project's own value. */
export interface TaskSettings {
  /** Redundancy, 1 to 1000. */
  nAnswers?: number
  /** 0 to 1; the highest is asked first. */
  priority?: number
  calibration?: boolean
  /** The answer that is known, as JSON has it. */
  expectedInfo?: unknown
  /** 0 to 1000. */
  quorum?: number
}

interface FieldRule {
  /** Continues "… must be". */
  wanted: string
  /** Undefined for a text that breaks the rule. */
  read: (text: string) => TaskSettings | undefined
}

const RULES: Record<TaskField, FieldRule> = {
  n_answers: {
    wanted: 'a whole number from 1 to 1000 (how many people answer the task)',
    read: (text) => ifDefined(wholeNumber(text, 1, 1000), (nAnswers) => ({ nAnswers })),
  },
  priority_0: {
    wanted: 'a number from 0 to 1, written with a point (0.5)',
    read: (text) => ifDefined(decimal(text, 0, 1), (priority) => ({ priority })),
  },
  calibration: {
    wanted: '0 or 1, or true or false',
    read: (text) => ifDefined(CALIBRATION.get(text.toLowerCase()), (calibration) => ({ calibration })),
  },
  expected_info: {
    wanted: 'an answer as JSON, such as {"answer": "Yes"}, or a plain text',
    read: (text) => ifDefined(expectedInfoOf(text), (expectedInfo) => ({ expectedInfo })),
  },
  quorum: {
    wanted: 'a whole number from 0 to 1000',
    read: (text) => ifDefined(wholeNumber(text, 0, 1000), (quorum) => ({ quorum })),
  },
}

const CALIBRATION = new Map([
  ['0', false],
  ['false', false],
  ['1', true],
  ['true', true],
])

export function isTaskField(name: string): name is TaskField {
  return (TASK_FIELDS as readonly string[]).includes(name)
}

/** What the field sets on the task: nothing when the text is blank, undefined when it breaks the field's rule. */
export function readTaskField(field: TaskField, text: string): TaskSettings | undefined {
  const trimmed = text.trim()
  return trimmed === '' ? {} : RULES[field].read(trimmed)
}

/** The field's rule in words, to follow "must be". */
export function wantedOf(field: TaskField): string {
  return RULES[field].wanted
}

/** What is no JSON is a text, except where it was plainly meant to be JSON. */
function expectedInfoOf(text: string): unknown {
  try {
    return parseStrictJson(text)
  } catch (error) {
    if (error instanceof InvalidError) return /^[[{"]|^-?[1-9]\d*$/.test(text) ? undefined : text
    throw error
  }
}

function wholeNumber(text: string, min: number, max: number): number | undefined {
  return /^[0-9]{1,9}$/.test(text) ? within(Number(text), min, max) : undefined
}

function decimal(text: string, min: number, max: number): number | undefined {
  return /^([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?$/i.test(text)
    ? within(Number(text), min, max)
    : undefined
}

function within(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined
}

function ifDefined<Value, Result>(
  value: Value | undefined,
  make: (value: Value) => Result,
): Result | undefined {
  return value === undefined ? undefined : make(value)
}
