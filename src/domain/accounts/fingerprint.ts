import { createHash } from 'node:crypto'

/** Changes with the password and tells nothing of it: a link that holds it ends with the password. */
export function fingerprint(passwordHash: string | null): string {
  return createHash('sha256')
    .update(passwordHash ?? '')
    .digest('base64url')
    .slice(0, 16)
}
