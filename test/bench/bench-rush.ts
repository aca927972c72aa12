import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { application, reference, runHttp, runPgbench } from './assign-speed.ts'
import { writeSection } from './capacity-page.ts'
import type { Section } from './capacity-page.ts'
import { runCrowd } from './crowd-of-people.ts'
import type { CrowdResult, CrowdWishes } from './crowd-of-people.ts'
import { keptPageFigures } from './kept-pages.ts'
import { findPgbench } from './pgbench.ts'
import { startClock } from './process-times.ts'
import { formatLines, judged, judgedSpread, spread } from './report.ts'
import type { Line } from './report.ts'
import { startSiteChain } from './site-chain.ts'
import type { Run } from './load.ts'

const PARTS = ['people', 'many', 'limit', 'kept', 'contributing']

/**
 * `npm run bench:site`: the whole site on this machine, database included, under people who come all at once. `--only`
 * chooses of
 *
 *   people        `--people`, who think for `--think` seconds between two requests, for `--minutes`
 *   many          ten times as many, who each ask once in 36 seconds
 *   limit         ever shorter thoughts, until 95 of 100 requests take more than 200 ms
 *   kept          pages that nginx keeps beside files of the same size
 *   contributing  newtask and taskrun through the whole chain, and the application alone, beside a bare server
 *
 * `--database-memory` and `--other-memory` cap what PostgreSQL, and all else, may have, in MB. `--positions` tells who
 * wrote the database's position, as a site with replicas does. `--write` writes the parts into docs/capacity.md.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: PARTS.join() },
    people: { type: 'string', default: '1500' },
    think: { type: 'string', default: '3.4' },
    minutes: { type: 'string', default: '5' },
    contributing: { type: 'string', default: '0.33' },
    rounds: { type: 'string', default: '16' },
    turns: { type: 'string', default: '40' },
    'database-memory': { type: 'string' },
    'other-memory': { type: 'string' },
    positions: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

const PHASES = ['newtask', 'submit', 'cycle'] as const

/** Milliseconds. */
const MOST = { p95: 200, p99: 500 }
const PER_MINUTE = 25_000
/** A little less than the 36 that are meant: those give 25,000 a minute exactly, and chance would decide. */
const EVERY_SECONDS = 35.5
/** How much shorter each thought of the next step is. */
const STEP = 1.25
const STEP_SECONDS = 20
const STEPS_MAX = 12
const KEPT = { rounds: 5, seconds: 5 }
/**
 * Of what does not count. Web processes run for days; a new one takes twice the processor time for a request until V8 has
 * compiled what it does often, after some ten thousand of them.
 */
const WARM_UP = { rounds: 3, turns: 150 }

const people = Number(values.people)
const main: CrowdWishes = {
  people,
  thinkSeconds: Number(values.think),
  seconds: Number(values.minutes) * 60,
  contributing: Number(values.contributing),
}
const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text))
const chain = await startSiteChain({
  databaseMemory: numberOf(values['database-memory']),
  otherMemory: numberOf(values['other-memory']),
  tellsPositions: values.positions,
})
const brokenOff = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    brokenOff.abort()
    void chain.stop().then(() => process.exit(1))
  })
try {
  for (const part of values.only.split(',')) {
    const section = await measure(part)
    console.log(formatLines(section.title, section.lines))
    if (section.lines.some(({ holds }) => holds === false)) process.exitCode = 1
    // What was measured of servers that were being stopped is nothing.
    if (values.write && !brokenOff.signal.aborted) writeSection(PARTS, part, section, conditionsText())
  }
} finally {
  await chain.stop()
}

async function measure(part: string): Promise<Section> {
  if (part === 'people') return { title: titleOf(main), lines: await crowdLines(main, true) }
  if (part === 'many') {
    const wishes = { ...main, people: people * 10, thinkSeconds: EVERY_SECONDS }
    return { title: titleOf(wishes), lines: await crowdLines(wishes, true) }
  }
  if (part === 'limit') return { title: 'How many requests it takes', lines: await limitLines() }
  if (part === 'kept')
    return { title: 'Pages that nginx keeps', lines: await keptPageFigures(chain, KEPT.rounds, KEPT.seconds) }
  if (part === 'contributing') return { title: 'Contributing', lines: await contributingLines() }
  throw new Error(`There is no part ${part}`)
}

/** What is not so by default. */
function conditionsText(): string {
  const { 'database-memory': database, 'other-memory': other, positions } = values
  const caps = [
    ...(database === undefined ? [] : [`; memory of PostgreSQL capped at ${database} MB`]),
    ...(other === undefined ? [] : [`; memory of all but PostgreSQL capped at ${other} MB`]),
  ]
  return `${caps.join('')}${positions ? '; who writes is told the position, as with replicas' : ''}`
}

function titleOf({ people: count, thinkSeconds, seconds }: CrowdWishes): string {
  return `${count} people who ask every ${thinkSeconds} s, for ${seconds / 60} minutes`
}

async function crowdLines(wishes: CrowdWishes, isJudged: boolean): Promise<Line[]> {
  let clock = startClock(chain.processes)
  const result = await runCrowd(chain, { id: chain.projects.birds.id, shortName: 'birds' }, wishes, () => {
    clock = startClock(chain.processes)
  })
  const cpu = [...clock()].map(
    ([name, seconds]) => `${name} ${((seconds / result.requests) * 1_000).toFixed(2)}`,
  )
  const memory = [...chain.caps].map(([name, cap]) => ({
    name: `memory of ${name}`,
    value: `${cap.peak()} MB`,
  }))
  const failed = [...result.errors.values()].reduce((sum, count) => sum + count, 0)
  return [
    isJudged
      ? judged('requests a minute', result.perMinute, { min: PER_MINUTE })
      : { name: 'requests a minute', value: result.perMinute.toFixed(0) },
    { name: 'p50', value: `${result.p50.toFixed(1)} ms` },
    judged('p95, ms', result.p95, { max: MOST.p95 }),
    judged('p99, ms', result.p99, { max: MOST.p99 }),
    judged('errors', failed, { max: 0 }),
    ...[...result.errors].map(([name, count]) => ({ name: `  ${name}`, value: String(count) })),
    { name: 'processor time of a request, ms', value: cpu.join(', ') },
    { name: 'of p99 the measuring itself, at most', value: `${result.ownDelay.toFixed(1)} ms` },
    ...memory,
  ]
}

/** Thoughts get shorter from step to step. */
async function limitLines(): Promise<Line[]> {
  const lines: Line[] = []
  let best: CrowdResult | undefined
  let { thinkSeconds } = main
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const wishes = { ...main, thinkSeconds, seconds: Math.min(STEP_SECONDS, main.seconds) }
    const result = await runCrowd(chain, { id: chain.projects.birds.id, shortName: 'birds' }, wishes)
    const { perMinute, p50, p95, p99, errors } = result
    const times = [p50, p95, p99].map((ms) => ms.toFixed(0)).join(', ')
    lines.push({ name: `${perMinute.toFixed(0)} a minute`, value: `p50, p95, p99: ${times} ms` })
    if (p95 > MOST.p95 || errors.size > 0) break
    best = result
    thinkSeconds /= STEP
  }
  const most = best ? `${best.perMinute.toFixed(0)} a minute` : 'none of these rates'
  return [...lines, { name: 'the most with p95 within 200 ms', value: most }]
}

/** What one competitor did in a round: of each phase so many a second, and its own process's time for one. */
type Measured = Record<(typeof PHASES)[number], Run>

/**
 * Newtask, then taskrun, through everything; through the application alone; a bare server with the same statements; and
 * nothing but the statements. Rounds are many and short, since what else a machine does comes and goes: within one it
 * hinders all alike. Who begins changes from round to round.
 */
async function contributingLines(): Promise<Line[]> {
  const { servers, projects, url, ca, processes } = chain
  const pid = processes.get('web')?.[0] ?? servers.web.pid
  const folder = join(tmpdir(), 'manyhands-bench-programs')
  mkdirSync(folder, { recursive: true })
  const pgbench = await findPgbench(folder, { socketFolder: servers.socketFolder, database: DATABASE })
  const competitors = new Map<string, (turns: number) => Promise<Measured>>([
    ['chain', (turns) => runHttp({ url, ca, pid }, application(projects['for-the-chain']), turns)],
    ['application', (turns) => runHttp(servers.web, application(projects['for-the-application']), turns)],
    ['reference', (turns) => runHttp(servers.reference, reference(projects['for-the-reference']), turns)],
  ])
  for (let round = 0; round < WARM_UP.rounds; round += 1)
    for (const run of competitors.values()) await run(WARM_UP.turns)
  if (pgbench) competitors.set('pgbench', (turns) => runPgbench(pgbench, projects['for-pgbench'], turns))
  const order = [...competitors]
  const rounds: Map<string, Measured>[] = []
  const clocks: string[] = []
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const measured = new Map<string, Measured>()
    for (const [name, run] of [
      ...order.slice(round % order.length),
      ...order.slice(0, round % order.length),
    ]) {
      const clock = startClock(processes)
      measured.set(name, await run(Number(values.turns)))
      if (name === 'chain') clocks.push(shares(clock()))
    }
    // As autovacuum does within a minute.
    await servers.database.query('vacuum analyze')
    rounds.push(measured)
  }
  const lines = PHASES.flatMap((phase) => phaseLines(phase, [...competitors.keys()], rounds))
  return [...lines, { name: 'shares of processor time in the chain', value: clocks.at(-1) ?? '' }]
}

function phaseLines(
  phase: (typeof PHASES)[number],
  names: readonly string[],
  rounds: readonly ReadonlyMap<string, Measured>[],
): Line[] {
  const of = (name: string, what: keyof Run) =>
    rounds.map((measured) => measured.get(name)?.[phase][what] ?? Number.NaN)
  const ratio = (name: string) =>
    of(name, 'perSecond').map((value, n) => value / (of('reference', 'perSecond')[n] ?? Number.NaN))
  const cpu = (name: string) =>
    name === 'application' || name === 'reference'
      ? `, ${spread(of(name, 'cpuMs'), 2)} ms of its process each`
      : ''
  return [
    ...names.map((name) => ({
      name: `${phase}, ${name}`,
      value: `${spread(of(name, 'perSecond'), 0)} a second${cpu(name)}`,
    })),
    judgedSpread(`${phase}, chain / reference`, ratio('chain'), { min: 0.4 }),
    judgedSpread(`${phase}, application / reference`, ratio('application'), { min: 0.7 }),
  ]
}

/** Who had how much of the processor time, of all that the parts had. */
function shares(times: ReadonlyMap<string, number>): string {
  const all = [...times.values()].reduce((sum, seconds) => sum + seconds, 0)
  return [...times].map(([name, seconds]) => `${name} ${((100 * seconds) / all).toFixed(0)} %`).join(', ')
}
