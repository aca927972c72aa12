import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Ending } from '../support/servers.ts'

/** A disk that is small enough to be filled. */
export interface SmallDisk {
  readonly folder: string
  /** What a command line begins with whose process is to see it; to all others its folder is empty. */
  readonly within: readonly string[]
  /** Takes all the room that is left. */
  fill(): Promise<void>
  /** Gives it back. */
  free(): Promise<void>
  /** The files on it and their sizes, by path. */
  sizes(): Promise<Map<string, number>>
}

const FILLING = 'all-the-room'
const MOUNT = 'mount -t tmpfs -o size=$2m,mode=0700 tmpfs "$1" && echo ready && exec sleep infinity'

/**
 * A disk in memory, mounted in a namespace of its own, which takes no rights.
 *
 * @returns undefined where the machine lends no namespaces.
 */
export async function startSmallDisk(ending: Ending, megabytes: number): Promise<SmallDisk | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'mh-disk-'))
  const mount = ['sh', '-c', MOUNT, 'sh', folder, String(megabytes)]
  const [command, ...own] = ['unshare', '--user', '--map-root-user', '--mount', ...mount] as const
  const holder = spawn(command, own, { stdio: ['ignore', 'pipe', 'ignore'] })
  ending.after(async () => {
    holder.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  const [said] = (await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'exit').catch(() => []),
  ])) as unknown[]
  if (!String(said).startsWith('ready') || holder.pid === undefined) return undefined
  const entering = ['--target', String(holder.pid), '--user', '--mount', '--preserve-credentials']
  // Entering leads to the root folder.
  const within = ['nsenter', ...entering, 'sh', '-c', 'cd "$0" && exec "$@"', process.cwd()]
  const run = async (script: string) => {
    const args = [...within.slice(1), 'sh', '-c', script, 'sh', folder]
    return (await promisify(execFile)('nsenter', args)).stdout
  }
  return {
    folder,
    within,
    async fill() {
      // That there is no room for more is what it ends with.
      await run(`dd if=/dev/zero of="$1/${FILLING}" bs=64k 2>/dev/null || true`)
    },
    async free() {
      await run(`rm -f "$1/${FILLING}"`)
    },
    async sizes() {
      const lines = (await run(`find "$1" -type f -printf '%s %P\\n'`)).split('\n').filter(Boolean)
      return new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), parseInt(line, 10)]))
    },
  }
}
