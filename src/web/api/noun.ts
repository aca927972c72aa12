import { z } from 'zod'
import type { Context } from '../../http/state.ts'
import { ApiError } from './errors.ts'
import type { ErrorClass } from './errors.ts'
import { readObject } from './input.ts'
import type { NameMap } from './list-arguments.ts'

/** One attribute of a noun. */
export interface Attribute {
  /** What the domain calls it. */
  readonly field: string
  /** What a body may give and an object shows; null is possible for each. */
  readonly schema: z.ZodType
  /**
   * `reserved`: only the server sets it, and a body that has it is refused. `ignored`: GET showed it, so a body may
   * send it back, without effect. `write-only`: taken and never shown.
   */
  readonly use?: 'reserved' | 'ignored' | 'write-only'
  /** How a body with it is refused, when not as any reserved key. */
  readonly refusal?: readonly [ErrorClass, string]
  /** Not everybody who sees the object sees it. */
  readonly isPrivate?: true
  /** `show` adds it to objects: lists neither filter nor order by it. */
  readonly isComputed?: true
}

type Attributes = Readonly<Record<string, Attribute>>

/** What a body holds once it was checked: each attribute may be left out or be null. */
export type BodyOf<A extends Attributes> = { [K in keyof A]?: z.output<A[K]['schema']> | null }

interface NounSpec<A extends Attributes> {
  /** In paths and links, such as `taskrun`. */
  readonly path: string
  /** PyBossa's class, for messages. */
  readonly className: string
  readonly attributes: A
  /** Nouns whose ids it holds, by their attribute: links lead there. */
  readonly parents?: Readonly<Record<string, string>>
  /** Rows belong to projects, so a signed-in caller's lists hold only own ones unless all=1. */
  readonly hasOwnership: boolean
  /** Objects carry no link of their own either. */
  readonly isUnlinked?: true
  /** Query arguments of its lists that are no filters. */
  readonly listArguments?: Readonly<Record<string, z.ZodType>>
}

/** A kind of object of the API: its names, what bodies may hold, what objects look like. */
export interface Noun<A extends Attributes = Attributes> extends NounSpec<A> {
  /** The attributes that objects show, and the domain's names of them. */
  readonly names: NameMap
  /** The names that the address of a request may filter by. */
  readonly known: readonly string[]
  /** An object as POST and PUT answer with it; others may see less of it. */
  readonly shown: z.ZodType
  /** The body of a POST or PUT. */
  readonly body: z.ZodType<BodyOf<A>>
}

export function defineNoun<const A extends Attributes>(spec: NounSpec<A>): Noun<A> {
  const entries = Object.entries<Attribute>(spec.attributes)
  const shownEntries = entries.filter(([, { use }]) => use !== 'write-only')
  const givenEntries = entries.filter(([, { use }]) => use !== 'reserved')
  const body = z.strictObject(
    Object.fromEntries(givenEntries.map(([name, { schema }]) => [name, schema.nullish()])),
  )
  return {
    ...spec,
    names: Object.fromEntries(
      shownEntries.filter(([, { isComputed }]) => !isComputed).map(([name, { field }]) => [name, field]),
    ),
    known: entries.map(([name]) => name),
    shown: z.looseObject(
      Object.fromEntries(
        shownEntries.map(([name, { schema, isPrivate }]) => [
          name,
          isPrivate ? schema.nullish() : schema.nullable(),
        ]),
      ),
    ),
    // Built from the same attributes as its type, which entries cannot carry.
    body: body.transform((given) => given as BodyOf<A>),
  }
}

/**
 * The body of a POST or PUT, checked in PyBossa's order. `link` and `links` are what GET added and are dropped.
 *
 * @throws ApiError BadRequest for a reserved key, TypeError for an unknown one, DataError for a value of another type,
 * and what `readObject` throws.
 */
export async function readBody<A extends Attributes>(ctx: Context, noun: Noun<A>): Promise<BodyOf<A>> {
  return checkBody(await readObject(ctx), noun)
}

/** The same of an object that was read already. */
export function checkBody<A extends Attributes>(
  given: Readonly<Record<string, unknown>>,
  noun: Noun<A>,
): BodyOf<A> {
  const { link: _, links: __, ...rest } = given
  const keys = Object.keys(rest)
  for (const key of keys) {
    const { use, refusal } = attributeOf(noun, key) ?? {}
    if (refusal) throw new ApiError(...refusal)
    if (use === 'reserved') throw new ApiError('BadRequest', 'Reserved keys in payload')
  }
  const unknown = keys.find((key) => !attributeOf(noun, key))
  if (unknown !== undefined)
    throw new ApiError('TypeError', `'${unknown}' is an invalid keyword argument for ${noun.className}`)
  const parsed = noun.body.safeParse(rest)
  if (parsed.success) return parsed.data
  throw invalidInput(String(parsed.error.issues[0]?.path[0]), parsed.error)
}

/** The JSON object of a request that is no noun's, checked by its schema. @throws ApiError DataError, TypeError */
export async function readAs<T>(ctx: Context, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await readObject(ctx))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  if (issue?.code === 'unrecognized_keys') throw new ApiError('TypeError', issue.message)
  throw invalidInput(issue?.path.join('.') ?? 'body', parsed.error)
}

/** One value, checked by its schema. @throws ApiError DataError that says `name` */
export function checkValue<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw invalidInput([name, ...(parsed.error.issues[0]?.path ?? [])].join('.'), parsed.error)
}

function invalidInput(name: string, { issues: [issue] }: z.ZodError): ApiError {
  return new ApiError('DataError', `invalid input for ${name}: ${issue?.message ?? ''}`)
}

/** Undefined also for what every object knows, such as `constructor`. */
function attributeOf(noun: Noun, name: string): Attribute | undefined {
  return Object.hasOwn(noun.attributes, name) ? noun.attributes[name] : undefined
}
