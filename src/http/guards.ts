import { UnauthenticatedError } from '../lib/errors.ts'
import type { Context, Viewer } from './state.ts'

/** The signed-in person. @throws UnauthenticatedError when nobody is: a page then leads to signing in. */
export function requireViewer(ctx: Context): Viewer {
  if (!ctx.state.viewer) throw new UnauthenticatedError()
  return ctx.state.viewer
}
