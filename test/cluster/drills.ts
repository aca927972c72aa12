import { setTimeout as sleep } from 'node:timers/promises'
import { ask, floatingAddress, hostsOf, startOnNetwork } from './hosts.ts'

/** A site on several hosts, as the drills have it. */
export interface DrilledSite {
  /** Its inventory's folder. */
  readonly folder: string
  readonly domain: string
  /** The file with the certificate of its own authority. */
  readonly authority: string
  /** The host of the present primary, and that of the copy for which each commit waits, where there is one. */
  writers(): Promise<readonly string[]>
  /** Runs SQL on the present primary, as the superuser, and gives what it prints, unaligned. */
  sql(query: string): Promise<string>
}

/** One row of the failure matrix. */
export interface Drill {
  readonly name: string
  readonly promise: string
  /** Breaks something, mends it again, and says what was measured and whether the promise was kept. */
  run(site: DrilledSite): Promise<Measured>
}

export interface Measured {
  readonly text: string
  readonly isKept: boolean
}

/** What pages.ts prints at its end. */
export interface LoadResult {
  readonly requests: number
  /** Those that did not get their page, and when each was begun. */
  readonly failures: { at: number; path: string; got: string; tookMs: number }[]
  /** The longest time between two pages that came. */
  readonly longestGapMs: number
}

/** Asks for pages at the floating address while something is done. */
export async function underLoad(site: DrilledSite, work: () => Promise<unknown>): Promise<LoadResult> {
  const load = await startOnNetwork('pages.ts', [floatingAddress, site.domain, site.authority])
  await work().catch(async (error: unknown) => {
    await load.stop()
    throw error
  })
  return JSON.parse(await load.stop()) as LoadResult
}

/** Runs each drill and prints the matrix. @returns how many promises were broken. */
export async function runDrills(drills: readonly Drill[], site: DrilledSite): Promise<number> {
  const rows: [Drill, Measured][] = []
  for (const drill of drills) {
    console.log(`\n### ${drill.name}`)
    const measured = await drill.run(site)
    console.log(measured.text)
    rows.push([drill, measured])
  }
  console.log('\n| Lost | Promised | Measured | |\n|---|---|---|---|')
  for (const [{ name, promise }, { text, isKept }] of rows)
    console.log(`| ${name} | ${promise} | ${text} | ${isKept ? 'kept' : 'BROKEN'} |`)
  return rows.filter(([, { isKept }]) => !isKept).length
}

/** The host that has the floating address, in a site's folder. @throws Error when none of the others has it. */
export async function holderOf(folder: string, butNot = ''): Promise<string> {
  const candidates = hostsOf(folder, 'app').filter((host) => host !== butNot)
  for (const host of candidates)
    if ((await said(host, 'ip -4 -o addr')).includes(` ${floatingAddress}/`)) return host
  throw new Error(`None of ${candidates.join(', ')} has the floating address`)
}

/** What a command of a host prints, without the line's end. */
export async function said(host: string, command: string): Promise<string> {
  return (await ask(['exec', host, 'bash', '-c', command])).trim()
}

const PATIENCE_S = 120

/** Asks each second. @throws Error when it is not so within two minutes. */
export async function untilTrue(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let left = PATIENCE_S; !(await isSo()); left -= 1) {
    if (left === 0) throw new Error(`It did not come to this within two minutes: ${what}`)
    await sleep(1_000)
  }
}
