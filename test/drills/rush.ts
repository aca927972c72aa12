import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { judged, printLines } from '../bench/report.ts'
import type { Line } from '../bench/report.ts'
import { appDrills } from '../cluster/drills-app.ts'
import type { Measured } from '../cluster/drills.ts'
import { HaSite } from '../cluster/ha-site.ts'
import * as cluster from '../cluster/hosts.ts'
import { ALL_HOSTS, changes } from '../cluster/prove-ha.ts'
import type { RushResult, RushWishes } from '../cluster/rush-load.ts'

/**
 * `npm run drill:rush`: people answer and look around while an owner exports, imports and changes all tasks, a release is
 * deployed and an application host is lost, on hosts of the ha profile. Prints what it came to beside the limits.
 *
 * `--short` lasts ten minutes; `--rate`, `--people`, `--rows` and `--minutes` make it another size, and a smaller one says
 * that it is not the measure. `--hosts db1,…` boots others than the profile's; `--on` takes those that run; `--keep` leaves
 * them running.
 */
const { values: flags } = parseArgs({
  options: {
    ...{ rate: { type: 'string' }, people: { type: 'string' }, rows: { type: 'string' } },
    ...{ minutes: { type: 'string' }, short: { type: 'boolean', default: false } },
    hosts: { type: 'string', default: ALL_HOSTS.join() },
    ...{ on: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } },
  },
})
const MEASURE = { rate: 300, people: 1_500, rows: 1_000_000, minutes: 60 }
const SHORT_MINUTES = 10
const size = {
  rate: Number(flags.rate ?? MEASURE.rate),
  people: Number(flags.people ?? MEASURE.people),
  rows: Number(flags.rows ?? MEASURE.rows),
  minutes: Number(flags.minutes ?? (flags.short ? SHORT_MINUTES : MEASURE.minutes)),
}
/** At these shares of the time, or when the one before has ended. */
const BEGINS = { deploy: 0.3, loss: 0.6 }
const names = flags.hosts.split(',')

await cluster.hosts(['check'])
try {
  const lines = await rush(new HaSite(flags.on ? cluster.siteFolder : await provisioned()))
  printLines(title(), lines)
  if (lines.some(({ holds }) => holds === false)) process.exitCode = 1
} finally {
  if (!flags.keep) await cluster.hosts(['down'])
}

function title(): string {
  const { rate, people, rows, minutes } = size
  const isLarge = rate >= MEASURE.rate && people >= MEASURE.people && rows >= MEASURE.rows
  const form = minutes >= MEASURE.minutes ? 'The measure' : 'The measure, in its short form'
  return [
    isLarge && minutes >= SHORT_MINUTES ? form : 'SMALLER THAN THE MEASURE, about which it says nothing',
    `: ${rate} answers a second, ${people} people, ${rows} rows, ${minutes} minutes; all hosts and the load together`,
    ` have ${availableParallelism()} processors.`,
  ].join('')
}

async function provisioned(): Promise<string> {
  await cluster.hosts(['base'])
  await cluster.packRelease()
  await cluster.hosts(['up', ...names])
  const made = changes(names)
  // Files want three hosts, of which one keeps their names only.
  const joined = { ...made.joined, ...(names.includes('mon1') ? {} : { db3: 'files' }) }
  const folder = await cluster.makeSite('ha', { ...made, joined })
  await cluster.provision(folder)
  return folder
}

async function rush(site: HaSite): Promise<Line[]> {
  await site.healthy()
  const authority = await cluster.readAuthority('app1', site.folder)
  // Not in the site's folder, whose files Ansible reads as inventories.
  const wishes: RushWishes = {
    ...size,
    ledger: join(mkdtempSync(join(tmpdir(), 'mh-rush-')), 'acknowledged'),
  }
  const load = await cluster.startOnNetwork('rush-load.ts', [
    ...[cluster.floatingAddress, cluster.DOMAIN, authority, JSON.stringify(wishes)],
  ])
  const began = Date.now()
  const until = (share: number) => sleep(Math.max(0, began + share * size.minutes * 60_000 - Date.now()))
  await until(BEGINS.deploy)
  const deploy = await noted('rolling deploy', () => deployAgain(site.folder))
  await until(BEGINS.loss)
  const loss = await noted('application host lost', () => loseHost(site))
  await until(1)
  const result = JSON.parse(await load.stop()) as RushResult
  return [...result.lines, deploy, loss, ...(await storedLines(site, result, wishes.ledger))]
}

async function noted(name: string, work: () => Promise<Measured>): Promise<Line> {
  const began = performance.now()
  const { text, isKept } = await work().catch((error: unknown) => ({ text: String(error), isKept: false }))
  const seconds = Math.round((performance.now() - began) / 1_000)
  return { name, value: `${text}, ${seconds} s`, limit: 'as promised', holds: isKept }
}

/** A commit of its own with the same files. */
async function deployAgain(folder: string): Promise<Measured> {
  const someone = ['-c', 'user.name=rush', '-c', 'user.email=rush@example.org']
  const made = ['commit-tree', 'HEAD^{tree}', '-p', 'HEAD', '-m', 'The same once more']
  const release = execFileSync('git', [...someone, ...made], { encoding: 'utf8' }).trim()
  await cluster.runPlaybook('deploy.yml', folder, ['--extra-vars', `release=${release}`])
  return { text: release.slice(0, 7), isKept: true }
}

async function loseHost(site: HaSite): Promise<Measured> {
  const drill = appDrills.find(({ name }) => name === 'Application host lost')
  if (!drill) throw new Error('There is no drill that loses an application host')
  return drill.run(await site.drilled(cluster.DOMAIN))
}

/** Compares what was acknowledged, imported and changed with what the database has. */
async function storedLines(
  site: HaSite,
  { projectId, importedId }: RushResult,
  ledger: string,
): Promise<Line[]> {
  const acknowledged = readFileSync(ledger, 'utf8').split('\n').slice(0, -1)
  const said = await site.query(
    `select substring(info #>> '{}' from '[0-9]+'), count(*) from task_run where project_id = ${projectId} group by 1`,
  )
  const stored = new Map(said.split('\n').map((line) => line.split('|') as [string, string]))
  const count = async (where: string) => Number(await site.query(`select count(*) from task where ${where}`))
  const imported = await count(`project_id = ${importedId}`)
  const unchanged = await count(`project_id = ${projectId} and priority_0 <> 0.5`)
  return [
    { name: 'answers acknowledged', value: String(acknowledged.length) },
    judged('  and lost', acknowledged.filter((mark) => !stored.has(mark)).length, { max: 0 }),
    judged('  or stored twice', [...stored.values()].filter((times) => Number(times) > 1).length, { max: 0 }),
    judged('rows that the import lacks', size.rows - imported, { max: 0 }),
    judged('tasks that the bulk change left out', unchanged, { max: 0 }),
  ]
}
