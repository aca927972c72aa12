import { isObject } from '../../../lib/bridge.ts'
import type { Json } from '../../../lib/bridge.ts'

/** Keys of a task's info that may describe its media in words. */
const NAME_COLUMNS = ['alt', 'caption', 'title', 'name']

/** The address in a task's column; addresses of the site may be relative. Undefined when it is not one. */
export function mediaUrl(info: Json, column: string, siteUrl: string): string | undefined {
  const written = textIn(info, column)?.trim()
  const url = written === undefined ? null : URL.parse(written, siteUrl)
  return url && ['http:', 'https:', 'data:'].includes(url.protocol) ? url.href : undefined
}

/** A text or number of a task's column as text; undefined when it holds nothing to read. */
export function textIn(info: Json, column: string): string | undefined {
  const value = isObject(info) ? info[column] : undefined
  const text = typeof value === 'number' ? String(value) : value
  return typeof text === 'string' && text.trim() !== '' ? text : undefined
}

/** What the owner's tasks call their media, for those who do not see them. */
export function mediaName(info: Json): string | undefined {
  return NAME_COLUMNS.map((column) => textIn(info, column)).find((text) => text !== undefined)
}
