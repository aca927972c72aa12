import type { Context } from './state.ts'

/** A part of the path, decoded. */
export function pathText(ctx: Context, name: string): string {
  return String((ctx['params'] as Record<string, string>)[name])
}

/** The number in a path; 0, which no record has, for whatever is not one. */
export function pathId(ctx: Context, name: string): number {
  return wholeNumber(pathText(ctx, name)) ?? 0
}

/** A whole number in the query; undefined for whatever is not one. */
export function queryNumber(ctx: Context, name: string): number | undefined {
  return wholeNumber(ctx.query[name])
}

/** Of 15 digits at most, which JavaScript and the database hold exactly. */
function wholeNumber(text: string | string[] | undefined): number | undefined {
  return typeof text === 'string' && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined
}
