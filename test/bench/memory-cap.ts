import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

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
      writeFileSync(join(folder, 'cgroup.procs'), String(pid))
    },
    release(pid) {
      writeFileSync(join(folder, '../cgroup.procs'), String(pid))
    },
    peak: () => Math.round(Number(readFileSync(join(folder, peak), 'utf8')) / 1024 / 1024),
    remove() {
      rmdirSync(folder)
    },
  }
}
