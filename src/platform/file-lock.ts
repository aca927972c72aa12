import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

/**
 * Takes a lock that the kernel holds as long as anybody has this file descriptor: whoever inherits it holds the lock
 * too, and a process that is killed cannot leave it behind. Node has no flock(2) of its own; the program of that name
 * locks the descriptor that it inherits.
 *
 * @returns the descriptor; undefined while somebody else has the lock.
 */
export function takeLock(file: string): number | undefined {
  const descriptor = openSync(file, 'a', 0o600)
  const { status, error } = spawnSync('flock', ['--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', descriptor],
  })
  if (status === 0) return descriptor
  closeSync(descriptor)
  if (error) throw new Error('The program flock is needed (Debian: util-linux).', { cause: error })
  return undefined
}

/** Whether nobody has a lock. */
export function isLockFree(file: string): boolean {
  const lock = takeLock(file)
  if (lock !== undefined) closeSync(lock)
  return lock !== undefined
}
