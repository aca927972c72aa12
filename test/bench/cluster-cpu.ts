import { readFileSync, readdirSync } from 'node:fs'

/** Where /proc/<pid>/stat has what, behind the name of the program. */
const PARENT = 1
const OWN = [11, 12]
const OF_ENDED_CHILDREN = [13, 14]
const TICKS_PER_SECOND = 100

/** Which process a process was started by. */
export function parentOf(pid: number): number {
  return statOf(pid)?.[PARENT] ?? 0
}

/** Seconds of processor time that a server and all that it started have taken, also those that have ended. */
export function secondsOfAll(server: number): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const stats = pids.map((pid) => statOf(Number(pid))).filter((stat) => stat?.[PARENT] === server)
  const ofChildren = stats.map((stat) => sumOf(stat, OWN))
  const all = [...ofChildren, sumOf(statOf(server), [...OWN, ...OF_ENDED_CHILDREN])]
  return all.reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND
}

function sumOf(stat: readonly number[] | undefined, places: readonly number[]): number {
  return places.reduce((sum, place) => sum + (stat?.[place] ?? 0), 0)
}

function statOf(pid: number): number[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').map(Number)
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}
