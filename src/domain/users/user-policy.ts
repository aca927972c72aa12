import { refusal } from '../../lib/errors.ts'

/** @throws UnauthenticatedError or ForbiddenError unless this person is an admin. */
export function mustBeAdmin<V extends { readonly isAdmin: boolean }>(viewer: V | undefined): V {
  if (!viewer?.isAdmin) throw refusal(viewer, 'Only admins can do this.')
  return viewer
}
