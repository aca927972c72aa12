import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { judged, printLines } from '../bench/report.ts'
import type { Line } from '../bench/report.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { publishedProject } from '../support/builders.ts'
import type { BuiltProject } from '../support/builders.ts'
import { startChain, startChainWeb } from '../support/chain.ts'
import type { Chain, ChainWeb } from '../support/chain.ts'
import { lastFirst } from '../support/file-ending.ts'
import { eventually } from '../support/jobs.ts'
import { MARKS, sessionOf, writeAndRead } from '../support/own-writes.ts'
import { startTestServers } from '../support/servers.ts'
import { contributing, startLoad } from '../support/steady-load.ts'

/**
 * `npm run drill:chain`: real web processes behind HAProxy, poolers and two replicas. Counts reads that miss what their
 * author wrote, failures while all replicas go and come, and failures while web processes are restarted in turn.
 */
const { values: flags } = parseArgs({
  options: {
    sequences: { type: 'string', default: '10000' },
    restarts: { type: 'string', default: '100' },
    processes: { type: 'string', default: String(Math.max(2, cpus().length)) },
    only: { type: 'string', default: '1a,1b,2,6' },
  },
})
const SEQUENCES = Number(flags.sequences)
const RESTARTS = Number(flags.restarts)
const PEOPLE = 16
const READERS = 8
const CONTRIBUTORS = 4
/** What a read may miss at most is behind by so much, in milliseconds. */
const BEHIND_MS = { far: 30_000, near: 10 }
const PRIMARY_PERCENT_MAX = 5
const BALANCED_SECONDS_MAX = 300
/** Both replicas serve once neither has less than this share of the connections. */
const FAIR_SHARE = 0.25

interface Set {
  readonly chain: Chain
  readonly web: ChainWeb
  readonly urls: readonly string[]
  readonly owner: TestUser
  readonly project: BuiltProject
  readonly token: string
}

const MEASURES: Record<string, (set: Set) => Promise<Line[]>> = {
  '1a': ownWrites,
  '1b': primaryShare,
  '2': replicasAway,
  '6': restarts,
}

const endings: (() => unknown)[] = []
const ending = lastFirst({ after: (end) => endings.push(end) })
const endAll = async () => {
  for (const end of endings.splice(0)) await end()
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void endAll().then(() => process.exit(1)))
try {
  const set = await setUp()
  for (const name of flags.only.split(',')) {
    const lines = await MEASURES[name]?.(set)
    if (!lines) throw new Error(`There is no measure ${name}`)
    printLines(`Measure ${name}`, lines)
    if (lines.some(({ holds }) => holds === false)) process.exitCode = 1
  }
} finally {
  await endAll()
}

async function setUp(): Promise<Set> {
  const servers = await startTestServers()
  ending.after(() => servers.stop())
  const chain = await startChain(ending, { webProcesses: Number(flags.processes) })
  const site = await startTestApp(ending, { ...chain.env, LOG_LEVEL: 'error', METRICS_LOOPBACK: 'on' })
  const owner = await site.user()
  const project = await publishedProject(site, owner, { tasks: 500, redundancy: 10_000 })
  const web = await startChainWeb(ending, chain, site.env)
  const urls = chain.webPorts.map((port) => `http://${chain.webAddress}:${port}`)
  console.log(`${urls.length} web processes on ${cpus().length} cores, a primary and two replicas`)
  return { chain, web, urls, owner, project, token: await tokenOf(site, project) }
}

async function tokenOf({ http }: TestApp, { shortName, secretKey }: BuiltProject): Promise<string> {
  return (await http.get(`/api/auth/project/${shortName}/token`).set('Authorization', secretKey).expect(200))
    .text
}

async function ownWrites(set: Set): Promise<Line[]> {
  await set.chain.replicas[0].lag(BEHIND_MS.far)
  const { missed, seconds } = await writeAndReadAll(set)
  await set.chain.replicas[0].lag(0)
  const how = `${SEQUENCES} sequences by ${MARKS.join(', ')} in ${seconds.toFixed(0)} s`
  return [{ name: 'one replica 30 s behind', value: how }, judged('own writes missed', missed, { max: 0 })]
}

async function primaryShare(set: Set): Promise<Line[]> {
  for (const replica of set.chain.replicas) await replica.lag(BEHIND_MS.near)
  const before = await readRoutes(set.urls)
  const { missed, seconds } = await writeAndReadAll(set)
  const after = await readRoutes(set.urls)
  for (const replica of set.chain.replicas) await replica.lag(0)
  const reads = [...after].map(([route, n]) => ({ route, n: n - (before.get(route) ?? 0) }))
  const all = reads.reduce((sum, { n }) => sum + n, 0)
  const onPrimary = reads
    .filter(({ route }) => route.startsWith('primary'))
    .reduce((sum, { n }) => sum + n, 0)
  return [
    { name: 'both replicas 10 ms behind', value: `${SEQUENCES} sequences in ${seconds.toFixed(0)} s` },
    ...reads.map(({ route, n }) => ({ name: `reads, ${route}`, value: String(n) })),
    judged('own writes missed', missed, { max: 0 }),
    judged('percent of reads on the primary', (100 * onPrimary) / all, { max: PRIMARY_PERCENT_MAX }),
  ]
}

async function writeAndReadAll({ owner, project, urls }: Set): Promise<{ missed: number; seconds: number }> {
  const session = await sessionOf(urls[0] ?? '', owner)
  const began = performance.now()
  let next = 0
  let missed = 0
  const person = async () => {
    while (next < SEQUENCES) {
      const mark = MARKS[(next += 1) % MARKS.length] ?? 'key'
      if (await writeAndRead({ owner, projectId: project.id, urls }, mark, session)) continue
      console.log(`missed by ${mark}`)
      missed += 1
    }
  }
  await Promise.all(Array.from({ length: PEOPLE }, person))
  return { missed, seconds: (performance.now() - began) / 1000 }
}

/** How many reads went where, over all processes. */
async function readRoutes(urls: readonly string[]): Promise<Map<string, number>> {
  const sums = new Map<string, number>()
  for (const url of urls) {
    const text = await (await fetch(`${url}/metrics`)).text()
    for (const [, route = '', n] of text.matchAll(
      /^manyhands_database_reads_total\{route="([^"]+)"\} (\d+)$/gm,
    ))
      sums.set(route, (sums.get(route) ?? 0) + Number(n))
  }
  return sums
}

async function replicasAway({ chain, web, project }: Set): Promise<Line[]> {
  const paths = ['/', '/project/', `/api/task?project_id=${project.id}`, `/api/project/${project.id}`]
  let n = 0
  const load = startLoad(web.url, READERS, (ask) => ask(paths[(n += 1) % paths.length] ?? '/'))
  await eventually(() => load.answered() > 100)
  await Promise.all(chain.replicas.map((replica) => replica.stop()))
  await chain.haproxy.untilUp('replicas', [])
  const answered = load.answered()
  await eventually(() => load.answered() > answered + 100)
  await Promise.all(chain.replicas.map((replica) => replica.start()))
  const began = performance.now()
  await eventually(() => isBalanced(chain), BALANCED_SECONDS_MAX * 1000)
  const seconds = (performance.now() - began) / 1000
  const failures = await load.stop()
  return [
    { name: 'both replicas stopped and started', value: `${load.answered()} requests` },
    ...failureLines(failures),
    judged('seconds until both serve again', seconds, { max: BALANCED_SECONDS_MAX }),
  ]
}

async function isBalanced({ haproxy }: Chain): Promise<boolean> {
  const onReplicas = (await haproxy.servers('replicas')).map(({ sessions }) => sessions)
  const onPrimary = (await haproxy.servers('primary_reads')).map(({ sessions }) => sessions)
  const all = [...onReplicas, ...onPrimary].reduce((a, b) => a + b, 0)
  return onReplicas.filter((sessions) => sessions > 0 && sessions >= FAIR_SHARE * all).length === 2
}

async function restarts({ chain, web, project, token }: Set): Promise<Line[]> {
  const began = performance.now()
  const load = startLoad(web.url, CONTRIBUTORS, contributing(project, token))
  for (let n = 0; n < RESTARTS; n += 1) await web.restart(n % chain.webPorts.length)
  const failures = await load.stop()
  const minutes = (performance.now() - began) / 60_000
  return [
    {
      name: `${RESTARTS} restarts in ${minutes.toFixed(1)} minutes`,
      value: `${load.answered('POST')} task runs`,
    },
    ...failureLines(failures),
  ]
}

function failureLines(failures: ReadonlyMap<string, number>): Line[] {
  const total = [...failures.values()].reduce((a, b) => a + b, 0)
  return [
    judged('requests that failed', total, { max: 0 }),
    ...[...failures].map(([what, count]) => ({ name: what, value: String(count) })),
  ]
}
