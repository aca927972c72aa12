import { z } from 'zod'
import type { Context, Handler } from '../../http/state.ts'
import type { InfoPair, ListFilter, ListQuery } from '../../platform/list-store.ts'
import { ApiError } from './errors.ts'
import { argument } from './input.ts'

const RESERVED = new Set([
  'limit',
  'offset',
  'api_key',
  'last_id',
  'all',
  'fulltextsearch',
  'desc',
  'orderby',
  'related',
  'participated',
  'full',
  'stats',
  '_',
])

/** What clients of PyBossa put into the address of a write: it means nothing there, or something of its own. */
const WRITE_ARGUMENTS = new Set([...RESERVED, 'external_uid', 'next'])

const LIMIT = 20
const LIMIT_MAX = 100

/** What the API calls a noun's attributes, and what the domain calls them. */
export type NameMap = Readonly<Record<string, string>>

export interface ListRules {
  /** PyBossa's class, for messages. */
  readonly className: string
  readonly names: NameMap
  /** Rows belong to projects, so a signed-in caller sees only own ones unless all=1. */
  readonly hasOwnership: boolean
  /** Query arguments of its own, which are no filters. */
  readonly listArguments?: Readonly<Record<string, z.ZodType>>
}

const INFO = z.string().meta({
  description:
    'JSON that the info contains, or one word that is all of it, or key::value|key::value compared as texts.',
})
const FULL_TEXT = z.string().meta({
  description:
    '1 searches for the words of the pairs of info; objects get headline and rank, the best first.',
})

/** The query arguments that `listArguments` takes. */
export function listQueryOf({
  names,
  listArguments: own = {},
}: Pick<ListRules, 'names' | 'listArguments'>): Record<string, z.ZodType> {
  const attribute = z.string().meta({ description: 'Only objects of which this attribute is equal.' })
  return {
    ...Object.fromEntries(Object.keys(names).map((name) => [name, attribute])),
    limit: z.string().meta({ description: `How many, ${LIMIT} when left out and at most ${LIMIT_MAX}.` }),
    offset: z.string().meta({ description: 'How many to pass over.' }),
    last_id: z
      .string()
      .meta({ description: 'Only greater ids, in ascending order: the way to read a long list.' }),
    orderby: z.string().meta({ description: 'An attribute; id when left out.' }),
    desc: z.string().meta({ description: 'true for descending order.' }),
    all: z.string().meta({ description: '1 lists the projects of others too, for callers with a key.' }),
    ...('info' in names ? { info: INFO, fulltextsearch: FULL_TEXT } : {}),
    ...own,
  }
}

/**
 * The query arguments of a list, as PyBossa reads them: limits out of range are clamped, unknown names refused.
 *
 * @throws ApiError AttributeError, ValueError, DataError
 */
export function listArguments(ctx: Context, rules: ListRules): ListQuery {
  const { viewer } = ctx.state
  const isOwn = rules.hasOwnership && viewer !== undefined && argument(ctx, 'all') !== '1'
  const lastId = wholeNumber(argument(ctx, 'last_id'))
  const offset = wholeNumber(argument(ctx, 'offset')) ?? 0
  const limit = wholeNumber(argument(ctx, 'limit')) ?? LIMIT
  if (limit < 0 || offset < 0) throw new ApiError('DataError', 'LIMIT and OFFSET must not be negative')
  return {
    filters: filters(ctx, rules),
    pairs: pairs(ctx, rules),
    projectIds: rules.hasOwnership ? projectIds(ctx) : undefined,
    orderBy: orderBy(argument(ctx, 'orderby') ?? 'id', rules),
    desc: descending(argument(ctx, 'desc')),
    limit: Math.min(limit, LIMIT_MAX),
    offset,
    lastId,
    ownerId: isOwn ? viewer.id : undefined,
    readableBy: viewer?.isAdmin === true ? 'everything' : viewer?.id,
  }
}

/**
 * Refuses a write with a query argument that is no attribute of the noun, before anything else, as PyBossa does.
 *
 * @throws ApiError AttributeError
 */
export function refuseUnknownArguments(className: string, known: readonly string[]): Handler {
  const allowed = new Set([...WRITE_ARGUMENTS, ...known])
  return (ctx, next) => {
    const isWrite = !['GET', 'HEAD', 'OPTIONS'].includes(ctx.method)
    const unknown = isWrite ? Object.keys(ctx.query).find((name) => !allowed.has(name)) : undefined
    if (unknown !== undefined) throw noAttribute(className, unknown)
    return next()
  }
}

/** The number a text begins with, or undefined: PyBossa falls back to its defaults for anything else. */
function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,15}$/.test(text)) return undefined
  return Number(text)
}

function descending(text = 'false'): boolean {
  if (['true', 'yes', 'on', 'y', '1', 't'].includes(text.toLowerCase())) return true
  if (['false', 'no', 'off', 'n', '0', 'f'].includes(text.toLowerCase())) return false
  throw new ApiError('ValueError', `invalid truth value '${text}'`)
}

function orderBy(name: string, { names, className }: ListRules): string {
  const field = fieldOf(names, name)
  if (field === undefined) throw noAttribute(className, name)
  return field
}

/** The field of an attribute; undefined for any other name, also one that every object knows (`constructor`). */
function fieldOf(names: NameMap, name: string): string | undefined {
  return Object.hasOwn(names, name) ? names[name] : undefined
}

function noAttribute(className: string, name: string): ApiError {
  return new ApiError('AttributeError', `type object '${className}' has no attribute '${name}'`)
}

function filters(ctx: Context, rules: ListRules): ListFilter[] {
  return Object.keys(ctx.query)
    .filter((name) => !isOtherArgument(name, rules))
    .flatMap((name) => filterOf(name, argument(ctx, name) ?? '', rules))
}

/** Whether an argument says something else than a filter. */
function isOtherArgument(name: string, { names, listArguments: own = {} }: ListRules): boolean {
  const isUid = name === 'external_uid' && fieldOf(names, name) === undefined
  return RESERVED.has(name) || Object.hasOwn(own, name) || isUid
}

function filterOf(name: string, value: string, { names, className, hasOwnership }: ListRules): ListFilter[] {
  const field = fieldOf(names, name)
  if (field === undefined) throw noAttribute(className, name)
  // PyBossa takes no notice of the first; the second says which projects to look into.
  if (name === 'fav_user_ids' || (name === 'project_id' && hasOwnership)) return []
  if (name !== 'info') return [{ field, values: [value] }]
  return isPairs(value) ? [] : [{ field, values: infoValues(value) }]
}

/** All numbers of the argument; without any it is no restriction, as on PyBossa. */
function projectIds(ctx: Context): string[] | undefined {
  return argument(ctx, 'project_id')?.match(/\d+/g) ?? undefined
}

function isPairs(value: string): boolean {
  return value.includes('::') && !isJson(value)
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value)
    return true
  } catch {
    return false
  }
}

/** The pairs `key::value|key::value` of `info`. @throws ApiError ValueError */
function pairs(ctx: Context, { names }: ListRules): ListQuery['pairs'] {
  const value = argument(ctx, 'info')
  const field = fieldOf(names, 'info')
  if (value === undefined || field === undefined || !isPairs(value)) return undefined
  const [first, ...others] = value
    .split('|')
    .filter((pair) => pair !== '')
    .map(pairOf)
  if (!first) return undefined
  return { field, all: [first, ...others], isFullText: argument(ctx, 'fulltextsearch') === '1' }
}

function pairOf(text: string): InfoPair {
  const [key, value, ...more] = text.split('::')
  if (key !== undefined && value !== undefined && more.length === 0) return { key, value }
  throw new ApiError(
    'ValueError',
    `info is filtered by pairs key::value, with | between them; "${text}" is none`,
  )
}

/**
 * A filter on `info` compares by containment: JSON as it is, a plain word as a JSON text; a number may be either.
 *
 * @throws ApiError ValueError for what would find nothing although it was meant to find something.
 */
function infoValues(value: string): string[] {
  if (isJson(value)) return /^\s*-?\d/.test(value) ? [value, JSON.stringify(value)] : [value]
  if (!/^\s*[[{"]/.test(value)) return [JSON.stringify(value)]
  const possible = 'JSON that the info contains, such as {"key": "value"}, or one word that is all of it'
  throw new ApiError('ValueError', `info can be filtered by ${possible}; "${value}" is neither`)
}
