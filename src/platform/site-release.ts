import { z } from 'zod'
import { ReleaseName } from './release.ts'

const TIMEOUT_MS = 5_000

const Health = z.object({ release: ReleaseName })

/** @returns the release that a site runs, by its own word; undefined when it does not say. */
export async function releaseAt(siteUrl: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${siteUrl}/healthz`, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    return Health.parse(await response.json()).release
  } catch {
    return undefined
  }
}
