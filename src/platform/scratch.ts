import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from './config.ts'

/** What is older than this was left by a process that was killed, in milliseconds. */
const ABANDONED_MS = 24 * 3_600_000

function scratchPath(config: Pick<Config, 'folders'>): string {
  return join(config.folders.data, 'scratch')
}

/** A folder for what does not fit into memory, for work that cannot be handed to `withScratch`, such as a generator's. */
export async function makeScratch(
  config: Pick<Config, 'folders'>,
): Promise<{ folder: string; remove: () => Promise<void> }> {
  const parent = scratchPath(config)
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const folder = await mkdtemp(join(parent, 'job-'))
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** Lends a folder for what does not fit into memory; it is gone afterwards, however the work ends. */
export async function withScratch<T>(
  config: Pick<Config, 'folders'>,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const { folder, remove } = await makeScratch(config)
  try {
    return await work(folder)
  } finally {
    await remove()
  }
}

/** Removes what processes of this machine left when they were killed; how many folders. */
export async function removeAbandonedScratch(
  config: Pick<Config, 'folders'>,
  now = Date.now(),
): Promise<number> {
  const parent = scratchPath(config)
  const names = await readdir(parent).catch(() => [])
  let removed = 0
  for (const name of names) {
    const path = join(parent, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: now }))
    if (now - mtimeMs < ABANDONED_MS) continue
    await rm(path, { recursive: true, force: true })
    removed += 1
  }
  return removed
}
