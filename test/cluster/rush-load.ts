import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { z } from 'zod'
import { judged, percentile } from '../bench/report.ts'
import type { Line } from '../bench/report.ts'
import { EXPORTS, countWholeExports, openRush, own } from './rush-owner.ts'
import { atRate, contributing, lookAround } from './rush-people.ts'
import type { Contribution } from './rush-people.ts'
import { Visitor } from './visit.ts'

/**
 * A rush on a site on hosts: after a while in which people only answer, others look around as well, and an owner
 * exports, imports and changes all tasks, until the standard input ends. Then it prints what came of it as JSON.
 *
 *   node test/cluster/rush-load.ts ADDRESS DOMAIN AUTHORITY-FILE WISHES
 */
const [address = '', domain = '', authorityFile = '', wished = ''] = process.argv.slice(2)
const Wishes = z.strictObject({
  ...{ rate: z.number(), people: z.number(), rows: z.number(), minutes: z.number() },
  /** Where to write the number of each answer that was acknowledged. */
  ledger: z.string(),
})
export type RushWishes = z.infer<typeof Wishes>

export interface RushResult {
  readonly projectId: number
  readonly importedId: number
  readonly lines: readonly Line[]
}

const MINUTE_MS = 60_000
/** So much of the time it is quiet before; in the first half of that everybody comes for the first time. */
const QUIET_SHARE = 0.1
const WINDOW_MINUTES = 5
const LISTED = 15

const { rate, people, rows, minutes, ledger } = Wishes.parse(JSON.parse(wished))
const site = { address, domain, authority: readFileSync(authorityFile, 'utf8') }
const owner = new Visitor(site)
// Twice as many tasks as are needed, and more: a rush lasts longer when a deploy does.
const owned = await openRush(owner, { rate, seconds: 2 * 60 * (minutes * (1 + QUIET_SHARE) + 10) })
const { project, draft } = owned
const made: Contribution[] = []
const troubles = new Map<string, number>()
const contribute = contributing(site, project, { rate, made, troubles })

const quietFrom = performance.now()
await atRate(rate, AbortSignal.timeout(QUIET_SHARE * minutes * MINUTE_MS), contribute)
const from = performance.now()
const over = new AbortController()
const { signal } = over
const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()
const rush = Promise.all([
  atRate(rate, signal, contribute),
  lookAround(site, project.shortName, { people, signal, troubles }),
  own(owner, owned, { rows, ms: minutes * MINUTE_MS, signal, troubles }),
])
console.log(`The rush on ${project.shortName} has begun`)
process.stdin.resume()
await once(process.stdin, 'end')
const until = performance.now()
over.abort()
delay.disable()
const [begun, pages, asked] = await rush
writeFileSync(ledger, made.map(({ mark }) => `${mark}\n`).join(''))
const whole = await countWholeExports(owner, owned, { asked, made, troubles })
const result: RushResult = { projectId: project.id, importedId: draft.id, lines: figures() }
console.log(JSON.stringify(result))

function figures(): Line[] {
  const seconds = (until - from) / 1_000
  const at = (percent: number, what: 'newtaskMs' | 'submitMs', [begin, end]: [number, number]) => {
    const during = made.filter(({ due }) => due >= begin && due < end)
    const times = during.map((one) => one[what])
    return percentile(times, percent)
  }
  const quiet = at(95, 'submitMs', [(quietFrom + from) / 2, from])
  const rushed = at(95, 'submitMs', [from, until])
  const window = Math.min(WINDOW_MINUTES * MINUTE_MS, (until - from) / 2)
  const first = at(99, 'newtaskMs', [from, from + window])
  const last = at(99, 'newtaskMs', [until - window, until])
  const reached = made.filter(({ due, ended }) => due >= from && ended < until).length / seconds
  const shown = (name: string, value: string): Line => ({ name, value })
  const times = (whose: string) =>
    [...troubles].reduce((sum, [what, count]) => sum + (what.startsWith(`${whose} `) ? count : 0), 0)
  const worst = [...troubles].sort(([, a], [, b]) => b - a).slice(0, LISTED)
  return [
    shown('the rush lasted', `${(seconds / 60).toFixed(1)} minutes`),
    shown('answers a second, begun', (begun / seconds).toFixed(1)),
    judged('answers a second, acknowledged', reached, { min: 0.99 * rate }),
    judged('answers that failed', times('failed'), { max: 0 }),
    shown('  requests of them that were sent again', String(times('again'))),
    shown('pages a second, asked for', (pages / seconds).toFixed(1)),
    shown('  of them all, failed', String(times('page'))),
    shown('answering, p95', `${quiet.toFixed(0)} ms when quiet, ${rushed.toFixed(0)} ms in the rush`),
    judged('  rush / quiet', rushed / quiet, { max: 2 }),
    shown('newtask, p99', `${first.toFixed(0)} ms at first, ${last.toFixed(0)} ms at last`),
    judged(`  last ${(window / MINUTE_MS).toFixed(1)} minutes / first`, last / first, { max: 1.5 }),
    judged('exports that are whole', whole, { min: EXPORTS }),
    judged('what the owner could not do', times('owner'), { max: 0 }),
    shown('this load itself, late by (p99)', `${Math.max(0, delay.percentile(99) / 1e6 - 10).toFixed(0)} ms`),
    ...worst.map(([what, count]) => shown('', `${count} times ${what}`)),
  ]
}
