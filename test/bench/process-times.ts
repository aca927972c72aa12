import { readFileSync, readdirSync } from 'node:fs'
import { cpuSeconds } from './load.ts'

/** A process and all below it. */
export function familyOf(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = parentOf(Number(name))
    if (parent !== undefined) parents.set(Number(name), parent)
  }
  const family = [pid]
  for (const member of family)
    family.push(...[...parents].filter(([, parent]) => parent === member).map(([child]) => child))
  return family
}

/** Undefined when it has ended meanwhile. */
function parentOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1])
  } catch {
    return undefined
  }
}

/**
 * Processor time of each part of a site from now on, in seconds; of a part's processes that end meanwhile nothing is
 * counted.
 */
export function startClock(parts: ReadonlyMap<string, readonly number[]>): () => Map<string, number> {
  const times = () =>
    new Map(
      [...parts].map(([name, pids]) => [
        name,
        pids.flatMap(familyOf).map((pid) => [pid, secondsOf(pid)] as const),
      ]),
    )
  const before = times()
  return () =>
    new Map(
      [...times()].map(([name, now]) => {
        const old = new Map(before.get(name))
        return [name, now.reduce((sum, [pid, seconds]) => sum + seconds - (old.get(pid) ?? 0), 0)]
      }),
    )
}

function secondsOf(pid: number): number {
  try {
    return cpuSeconds(pid)
  } catch {
    return 0
  }
}
