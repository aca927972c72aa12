import type { Handler } from './state.ts'

/** Repeated slashes in a path are one, without a redirect: PyBossa's clients glue URLs with them, also for POST. */
export const oneSlash: Handler = (ctx, next) => {
  if (ctx.path.includes('//')) ctx.path = ctx.path.replace(/\/{2,}/g, '/')
  return next()
}
