import { requireViewer } from '../../http/guards.ts'
import { pathText } from '../../http/request-values.ts'
import type { Context, Viewer } from '../../http/state.ts'
import { ForbiddenError } from '../../lib/errors.ts'

/** The signed-in person, whose name the address has to have. @throws UnauthenticatedError, ForbiddenError */
export function ownNameOf(ctx: Context): Viewer {
  const viewer = requireViewer(ctx)
  if (pathText(ctx, 'name').toLowerCase() !== viewer.name.toLowerCase())
    throw new ForbiddenError('Only the person themselves can do this.')
  return viewer
}
