import rawBody from 'raw-body'
import type { Context } from '../../http/state.ts'
import { AppError, InvalidError } from '../../lib/errors.ts'
import { parseStrictJson } from '../../lib/strict-json.ts'
import { utf8Text } from '../../lib/utf8-text.ts'
import type { Json, JsonObject } from '../../platform/schema.ts'
import { ApiError } from './errors.ts'
import { translateBody } from './old-names.ts'

/** Presenters with libraries pasted in are several hundred kB; 10 MB is what PyBossa's tools need at most. */
const BODY_BYTES_MAX = 10 * 1024 * 1024

/**
 * The JSON object of a request, whatever its content type says.
 *
 * @throws ApiError in PyBossa's classes: ValueError for what is not JSON, AttributeError for a list, DataError for
 * what is not UTF-8 or cannot be stored; AppError too-large above 10 MB.
 */
export async function readObject(ctx: Context): Promise<JsonObject> {
  const value = await readJson(ctx)
  if (Array.isArray(value)) throw new ApiError('AttributeError', "'list' object has no attribute 'keys'")
  if (typeof value !== 'object' || value === null)
    throw new ApiError('ValueError', 'The body is not a JSON object')
  return translateBody(ctx, value)
}

/** Whatever JSON a request holds. @throws ApiError ValueError, DataError; AppError too-large above 10 MB */
export async function readJson(ctx: Context): Promise<Json> {
  return parseJson(await readText(ctx), 'The body')
}

async function readText(ctx: Context): Promise<string> {
  const text = utf8Text(await readBytes(ctx))
  if (text === undefined) throw new ApiError('DataError', 'The body is not valid UTF-8 text')
  return text
}

async function readBytes(ctx: Context): Promise<Buffer> {
  try {
    return await rawBody(ctx.req, {
      limit: BODY_BYTES_MAX,
      length: ctx.get('Content-Length') || null,
    })
  } catch (error) {
    // Reading on lets the client see the answer instead of a reset connection.
    ctx.req.resume()
    throw new AppError('too-large', 'The body is too large: 10 MB is the most.', { cause: error })
  }
}

/** JSON in words of PyBossa's errors. @throws ApiError ValueError for what is none, DataError for what cannot be stored */
export function parseJson(text: string, name: string): Json {
  try {
    // parseStrictJson gives only what JSON holds.
    return parseStrictJson(text) as Json
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error
    const isSyntax = error.message.startsWith('is not valid JSON')
    throw new ApiError(isSyntax ? 'ValueError' : 'DataError', `${name} ${error.message}`)
  }
}

/** What stands in a path in the place of an id. */
export function nameOf(ctx: Context, name = 'id'): string {
  return String((ctx['params'] as Record<string, string>)[name])
}

/** The id in a path. @throws ApiError NotFound for anything that is not a whole number. */
export function idOf(ctx: Context, name = 'id'): number {
  const text = nameOf(ctx, name)
  if (!/^\d{1,15}$/.test(text)) throw new ApiError('NotFound', '404 Not Found: ids are whole numbers')
  return Number(text)
}

/** One value of a query argument; of a repeated one the last. */
export function argument(ctx: Context, name: string): string | undefined {
  const value = ctx.query[name]
  return Array.isArray(value) ? value.at(-1) : value
}

/** A query argument that counts something; negative ones are 0. @throws ApiError ValueError for no whole number. */
export function countOf(ctx: Context, name: string, fallback: number): number {
  const text = argument(ctx, name)
  if (text === undefined) return fallback
  if (!/^-?\d{1,9}$/.test(text))
    throw new ApiError('ValueError', `invalid literal for int() with base 10: '${text}'`)
  return Math.max(0, Number(text))
}
