import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from '../../src/bin/local/os-process.ts'

/** Processes that share so much memory, and no more: what goes beyond is ended by the kernel. */
export interface MemoryCap {
  /** Puts a process, and what it starts from now on, under the cap; memory that it has already stays where it was. */
  add(pid: number): void
  /** Lets go of a process that is to live on. */
  release(pid: number): void
  /** The most that all of them ever had, in MB. */
  peak(): number
  remove(): void
}

const ROOT = '/sys/fs/cgroup'

/** @throws Error where this user may not make control groups. */
export function capMemory(name: string, megabytes: number): MemoryCap {
  const isFirst = existsSync(join(ROOT, 'memory/cgroup.procs'))
  const folder = join(ROOT, isFirst ? 'memory' : '', `manyhands-${process.pid}-${name}`)
  const [limit, peak] = isFirst
    ? ['memory.limit_in_bytes', 'memory.max_usage_in_bytes']
    : ['memory.max', 'memory.peak']
  try {
    mkdirSync(folder)
    writeFileSync(join(folder, limit), String(megabytes * 1024 * 1024))
  } catch (error) {
    throw new Error('Memory is capped by control groups, which needs root and a writable /sys/fs/cgroup', {
      cause: error,
    })
  }
  return {
    add(pid) {
      move(pid, folder)
    },
    release(pid) {
      move(pid, join(folder, '..'))
    },
    peak: () => Math.round(Number(readFileSync(join(folder, peak), 'utf8')) / 1024 / 1024),
    remove() {
      const left = readFileSync(join(folder, 'cgroup.procs'), 'utf8').match(/\d+/g) ?? []
      for (const pid of left) move(Number(pid), join(folder, '..'))
      rmdirSync(folder)
    },
  }
}

function move(pid: number, folder: string): void {
  try {
    writeFileSync(join(folder, 'cgroup.procs'), String(pid))
  } catch (error) {
    // It has ended meanwhile.
    if (!isErrno(error, 'ESRCH')) throw error
  }
}
