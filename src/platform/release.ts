import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** Written into an archive when a release is packed; a checkout has none. */
export const RELEASE_FILE = 'RELEASE'

/** The commit that a release was made of. */
export const ReleaseName = z.string().regex(/^[0-9a-f]{40}$/)

/** Written beside it: of which packages, as packed, the release needs. */
export const MODULES_FILE = 'MODULES'

/** The release that this process runs, as it was when the process began; undefined in a checkout. */
export function runningRelease(): string | undefined {
  try {
    return readFileSync(new URL(`../../${RELEASE_FILE}`, import.meta.url), 'utf8').trim()
  } catch {
    return undefined
  }
}

/** How many releases stay on a host, that which runs among them. */
export const RELEASES_KEPT = 5
