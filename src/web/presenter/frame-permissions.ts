import type { Context } from '../../http/state.ts'
import { FRAME_PERMISSIONS } from '../../lib/frame-permissions.ts'
import type { FramePermission } from '../../lib/frame-permissions.ts'

/** Lets a page pass on to the frame of that origin what the project's owner allowed, and nothing else of it to anybody. */
export function delegatePermissions(
  ctx: Context,
  allowed: readonly FramePermission[],
  frameOrigin: string,
): void {
  // A page can only pass on what it has itself. An opaque origin has no name to write; the frame's `allow` holds there.
  ctx.set('Permissions-Policy', policy(allowed, frameOrigin === 'null' ? '*' : `(self "${frameOrigin}")`))
}

/** The same for the frame's own document, whose frames inside get nothing of it. */
export function permissionsOfFrame(allowed: readonly FramePermission[]): string {
  return policy(allowed, '(self)')
}

/** The frame's `allow` attribute. */
export function allowAttribute(allowed: readonly FramePermission[]): string {
  return ['fullscreen', ...allowed].join('; ')
}

function policy(allowed: readonly FramePermission[], whom: string): string {
  return FRAME_PERMISSIONS.map((name) => `${name}=${allowed.includes(name) ? whom : '()'}`).join(', ')
}
