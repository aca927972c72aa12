import { closeSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { takeLock } from '../../platform/file-lock.ts'
import { TakenBackError } from '../local/host-switch.ts'
import { STATUS, UsageError } from './command.ts'

/** How often a lock is asked for, in milliseconds. */
const LOOK_MS = 500

interface Place {
  /** The folder of releases and of the link to the one that runs; by default that of the release at work. */
  readonly root: string | undefined
  /** For so long another change may still be under way. */
  readonly waitMs: number
}

/**
 * Changes which release a host runs, one change at a time.
 *
 * @returns the exit status: bad when the host was taken back.
 */
export async function changeHost(
  { root, waitMs }: Place,
  change: (root: string) => Promise<string>,
): Promise<number> {
  const folder = rootFolder(root)
  const lock = await lockOf(folder, waitMs)
  if (lock === undefined) throw new Error('another upgrade is under way')
  try {
    console.log(await change(folder))
    return STATUS.good
  } catch (error) {
    if (!(error instanceof TakenBackError)) throw error
    console.error(error.message)
    return STATUS.bad
  } finally {
    closeSync(lock)
  }
}

/** @returns the folder of releases, by default that of the release at work. */
export function rootFolder(given: string | undefined): string {
  return resolve(given ?? ownRoot())
}

async function lockOf(folder: string, waitMs: number): Promise<number | undefined> {
  const until = Date.now() + waitMs
  for (;;) {
    const lock = takeLock(join(folder, 'upgrade.lock'))
    if (lock !== undefined || Date.now() > until) return lock
    await sleep(Math.min(LOOK_MS, waitMs))
  }
}

function ownRoot(): string {
  const parent = dirname(process.cwd())
  if (basename(parent) === 'releases') return dirname(parent)
  throw new UsageError('This is no release below “releases”: say with --root where these are.')
}
