import { ForbiddenError, UnauthenticatedError } from '../../lib/errors.ts'

/** @throws UnauthenticatedError or ForbiddenError unless this person is an admin. */
export function mustBeAdmin<V extends { readonly isAdmin: boolean }>(viewer: V | undefined): V {
  if (!viewer) throw new UnauthenticatedError('Only admins can do this.')
  if (!viewer.isAdmin) throw new ForbiddenError('Only admins can do this.')
  return viewer
}
