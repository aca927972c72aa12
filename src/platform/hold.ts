import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Beside a release's RELEASE: whoever looks at its new processes keeps this file fresh until they may get requests. */
export const HOLD_FILE = 'HOLD'

/** A file that was not touched for so long holds nobody: who was to release the process is gone. */
export const HOLD_FRESH_MS = 15_000

/** Whether a process that could serve is not to get requests yet. */
export interface Hold {
  readonly isOn: boolean
}

/** A process that nobody holds back. */
export const noHold: Hold = { isOn: false }

/**
 * Holds back a process that begins while the file is fresh, until it is gone or stale. Once it is released it is so for
 * good: the file may be another process's by then.
 */
export function createHold(file = fileURLToPath(new URL(`../../${HOLD_FILE}`, import.meta.url))): Hold {
  let isReleased = !isFresh(file)
  return {
    get isOn() {
      isReleased ||= !isFresh(file)
      return !isReleased
    },
  }
}

function isFresh(file: string): boolean {
  const touched = statSync(file, { throwIfNoEntry: false })?.mtimeMs
  return touched !== undefined && Math.abs(Date.now() - touched) < HOLD_FRESH_MS
}
