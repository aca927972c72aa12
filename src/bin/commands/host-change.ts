import { closeSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { takeLock } from '../../platform/file-lock.ts'
import { TakenBackError } from '../local/host-switch.ts'
import { STATUS, UsageError } from './command.ts'

/**
 * Changes which release a host runs, one change at a time.
 *
 * @param root the folder of releases and of the link to the one that runs; by default that of the release at work.
 * @returns the exit status: bad when the host was taken back.
 */
export async function changeHost(
  root: string | undefined,
  change: (root: string) => Promise<string>,
): Promise<number> {
  const folder = resolve(root ?? ownRoot())
  const lock = takeLock(join(folder, 'upgrade.lock'))
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

function ownRoot(): string {
  const parent = dirname(process.cwd())
  if (basename(parent) === 'releases') return dirname(parent)
  throw new UsageError('This is no release below “releases”: say with --root where these are.')
}
