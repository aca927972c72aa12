import type { JsonObject } from '../bridge.ts'

/** Formats of their fields, besides tables, that exports of some templates come in. */
export const FIELD_FORMATS = ['coco', 'geojson', 'webannotation', 'webvtt'] as const
export type FieldFormat = (typeof FIELD_FORMATS)[number]

interface FieldBase {
  readonly name: string
  readonly label: string
  readonly hint?: string
  /** What to do when it is empty or has too little; a sentence made of the label when left out. */
  readonly missing?: string
  /** In a list's items: kept out of the way until somebody wants it. */
  readonly rare?: true
  /** Only asked while another field of the same form has one of these values; a switch has `on`. */
  readonly when?: { readonly field: string; readonly is: readonly string[] }
}

export interface TextField extends FieldBase {
  /** `area` takes several lines. */
  readonly kind: 'text' | 'area'
  readonly default: string
  readonly required: boolean
  readonly charsMax: number
}

/** A list of short texts, one a line, all different. */
export interface LinesField extends FieldBase {
  readonly kind: 'lines'
  readonly default: readonly string[]
  readonly min: number
  readonly max: number
  readonly charsMax: number
}

/** The name of a column of the owner's tasks. */
export interface ColumnField extends FieldBase {
  readonly kind: 'column'
  readonly default: string
  readonly required: boolean
  /** Helps to find the likeliest column of an owner's own tasks. */
  readonly holds: 'picture' | 'sound' | 'video' | 'pdf' | 'text' | 'place'
}

export interface ChoiceField extends FieldBase {
  readonly kind: 'choice'
  readonly default: string
  readonly options: readonly { readonly value: string; readonly label: string }[]
}

export interface SwitchField extends FieldBase {
  readonly kind: 'switch'
  readonly default: boolean
}

export interface NumberField extends FieldBase {
  readonly kind: 'number'
  /** Null when there need not be one. */
  readonly default: number | null
  readonly required: boolean
  readonly min: number
  readonly max: number
}

export type PlainField = TextField | LinesField | ColumnField | ChoiceField | SwitchField | NumberField

/** A list of things that have fields themselves; owners add, remove and move them. */
export interface ListField extends FieldBase {
  readonly kind: 'list'
  readonly default: readonly JsonObject[]
  /** What one of them is called, such as "Field". */
  readonly item: string
  readonly fields: readonly PlainField[]
  readonly min: number
  readonly max: number
}

export type Field = PlainField | ListField

type PolicyDirective = 'img-src' | 'media-src' | 'connect-src' | 'worker-src' | 'style-src'

/** A presenter that needs no code, as data: the form that its owner fills in, and what its tool needs. */
export interface ReadyTemplate {
  /** Also the name of its tool: src/browser/presenter/tools/<id>.ts and .css. */
  readonly id: string
  readonly name: string
  /** One sentence for the owner who chooses. */
  readonly description: string
  /** The path of a drawing in strokes, 48 wide and 32 high. */
  readonly icon: string
  readonly fields: readonly Field[]
  /** What the tool says to volunteers, by key; a translation's keys are `<id>.<key>`. */
  readonly words: Readonly<Record<string, string>>
  /** What its projects can be exported as besides tables. */
  readonly exportFormats?: readonly FieldFormat[]
  /** What fields say of each other, once each is right by itself: a message by the name of the field in the form. */
  readonly check?: (settings: JsonObject) => Readonly<Record<string, string>>
  /** Sources that the frame's content security policy allows besides pictures from anywhere. Never scripts. */
  readonly policy?: Readonly<Partial<Record<PolicyDirective, readonly string[]>>>
}

type ValueOf<F> = F extends { kind: 'lines' }
  ? string[]
  : F extends { kind: 'switch' }
    ? boolean
    : F extends { kind: 'number'; required: true }
      ? number
      : F extends { kind: 'number' }
        ? number | null
        : F extends { kind: 'choice'; options: readonly { value: infer V }[] }
          ? V
          : F extends { kind: 'list'; fields: infer I extends readonly Field[] }
            ? ValuesOf<I>[]
            : string

type ValuesOf<Fields extends readonly Field[]> = {
  [F in Fields[number] as F['name']]: ValueOf<F>
}

/** The settings that a template's form gives, by the names of its fields. */
export type SettingsOf<T extends ReadyTemplate> = ValuesOf<T['fields']>

/** Fields of every template, around its own. */
const QUESTION = {
  kind: 'text',
  name: 'question',
  label: 'Question',
  hint: 'Ask for one thing that everybody can see.',
  missing: 'Write the question that people will answer.',
  default: '',
  required: true,
  charsMax: 300,
} as const satisfies TextField

const INSTRUCTIONS = {
  kind: 'area',
  name: 'instructions',
  label: 'Instructions (optional)',
  hint: 'Plain text below the question, for what people need to know at every task.',
  default: '',
  required: false,
  charsMax: 2_000,
} as const satisfies TextField

const COMMENT_BOX = {
  kind: 'switch',
  name: 'commentBox',
  label: 'Let people add a comment',
  default: false,
} as const satisfies SwitchField

/** A template with the fields that all of them have around its own. */
export function defineTemplate<
  const F extends readonly Field[],
  const W extends Readonly<Record<string, string>>,
>(template: Omit<ReadyTemplate, 'fields' | 'words'> & { readonly fields: F; readonly words: W }) {
  const { words, ...rest } = template
  const fields: readonly [typeof QUESTION, ...F, typeof INSTRUCTIONS, typeof COMMENT_BOX] = [
    QUESTION,
    ...template.fields,
    INSTRUCTIONS,
    COMMENT_BOX,
  ]
  return { ...rest, words, fields }
}
