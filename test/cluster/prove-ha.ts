import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { chosen } from './chosen.ts'
import { backupHostDrill, databaseDrills } from './drill-databases.ts'
import { processDrills } from './drill-processes.ts'
import { appDrills } from './drills-app.ts'
import type { Measured } from './drills.ts'
import { HaSite, Load } from './ha-site.ts'
import type { Drill, Kind } from './ha-site.ts'
import { DOMAIN, NETWORK, floatingAddress, hosts, siteFolder, useSite } from './hosts.ts'
import { provisionBare } from './provision-bare.ts'
import { restoreTogether, runbookTrials } from './runbooks-ha.ts'
import { steps } from './steps.ts'

export const ALL_HOSTS = ['db1', 'db2', 'db3', 'app1', 'app2', 'mon1']

/** Hosts that the profile leaves out, and their groups: boot them by naming them. */
const MORE = { off1: 'offsite', ana1: 'analytics' }

/**
 * Brings bare Debian hosts to a working site with the ha profile, breaks its parts one after the other under load, and
 * prints how long each was felt beside what is promised.
 *
 * @param args `--hosts db1,…` boots only these of the profile's; `--only WORDS` drills only what has these words in its
 *   name; `--runbooks` does what operators do in place of that, and then goes back to a chosen second; `--on` drills the hosts that run already; `--keep` leaves them running.
 * @returns the exit status: 1 when a promise was not kept.
 */
export async function proveHa(args: readonly string[]): Promise<number> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      hosts: { type: 'string', default: ALL_HOSTS.join() },
      only: { type: 'string', default: '' },
      runbooks: { type: 'boolean', default: false },
      on: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  const names = flags.hosts.split(',')
  const trials = chosen(flags.runbooks ? runbookTrials : trialsOf(names), flags.only)
  const rows: Row[] = []
  const { step, print } = steps()
  await hosts(['check'])
  try {
    const folder = flags.on ? siteFolder : await provisionHa(names, step)
    const site = new HaSite(folder)
    await breakAll(site, trials, rows)
    if (flags.runbooks) await step('To a chosen second', () => restoreTogether(site))
  } finally {
    console.log()
    for (const { text, isKept } of rows) console.log(`${isKept ? 'kept  ' : 'BROKEN'}  ${text}`)
    if (!flags.keep) await hosts(['down'])
    print()
  }
  return rows.every(({ isKept }) => isKept) ? 0 : 1
}

/** What a site of the profile has otherwise on these hosts. */
export function changes(names: readonly string[]) {
  return {
    hosts: names,
    joined: Object.fromEntries(Object.entries(MORE).filter(([name]) => names.includes(name))),
    settings: {
      site_floating_address: `${floatingAddress}/24`,
      // All who make the load come from one address.
      site_settings: { RATE_LIMIT: 'off' },
      // Hosts of a cluster see the memory of the whole machine.
      postgres_memory_mb: 1024,
      site_web_processes: 1,
      nginx_unlimited: [`${NETWORK}.0/24`],
    },
  }
}

/** Brings bare hosts to a site of the ha profile, and looks whether it stays as it is. @returns its folder. */
export async function provisionHa(
  names: readonly string[],
  step: ReturnType<typeof steps>['step'],
): Promise<string> {
  const site = await provisionBare('ha', names, step, changes(names))
  await step('Use the site', () => useSite('app1', DOMAIN, site))
  return site
}

/** One thing that is done to a site under load. */
interface Trial {
  readonly name: string
  run(site: HaSite, load: Load): Promise<Measured>
}

/** What can be done to these hosts. */
function trialsOf(names: readonly string[]): Trial[] {
  const hasBackups = names.includes('mon1')
  const felt = [
    ...databaseDrills,
    ...(hasBackups ? [backupHostDrill] : []),
    ...(names.includes('app2') ? processDrills : []),
  ]
  return [
    ...felt.map((drill) => ({
      name: drill.name,
      run: (site: HaSite, load: Load) => feel(drill, site, load),
    })),
    ...(hasBackups ? [{ name: 'Restore to a chosen second', run: restore }] : []),
    ...(names.includes('app2') ? appDrills : []).map((drill) => ({
      name: `${drill.name} (${drill.promise})`,
      run: async (site: HaSite) => drill.run(await site.drilled(DOMAIN)),
    })),
  ]
}

/** A part of the failure matrix: what was broken, and what came of it. */
interface Row {
  readonly text: string
  readonly isKept: boolean
}

/** Breaks one thing after the other while people read and answer, and looks after each for what they were told. */
async function breakAll(site: HaSite, trials: readonly Trial[], rows: Row[]): Promise<void> {
  await site.healthy()
  const load = await Load.start(site, 'app1', DOMAIN)
  const add = async (trial: Trial) => {
    rows.push(await rowOf(trial, site, load))
    console.log(rows.at(-1)?.text)
  }
  try {
    for (const trial of trials) await add(trial)
  } finally {
    await load.stop()
  }
  const over = { text: 'is over', isKept: true }
  await add({ name: 'All of it, after the load', run: () => Promise.resolve(over) })
}

async function rowOf(trial: Trial, site: HaSite, load: Load): Promise<Row> {
  console.log(`\n### ${trial.name}`)
  const busy = loadavg()[0] ?? 0
  const measured = await trial.run(site, load).catch(failed)
  const kept = await look(site, load).catch(failed)
  return {
    text: `${trial.name.padEnd(40)} ${measured.text}; ${kept.text}; machine's load ${busy.toFixed(0)}`,
    isKept: measured.isKept && kept.isKept,
  }
}

/** Waits until the databases are well, and looks whether they have what people were told that they have. */
async function look(site: HaSite, load: Load): Promise<Measured> {
  await site.healthy()
  const { acknowledged, lost, doubled } = await load.check(site)
  return {
    text: `${acknowledged} answers, ${lost} lost, ${doubled} doubled`,
    isKept: lost === 0 && doubled === 0,
  }
}

/** The rows after one that failed are of use, too. */
function failed(error: unknown): Measured {
  return { text: error instanceof Error ? error.message : String(error), isKept: false }
}

/** Breaks something that reads or writes feel, and measures for how long. */
async function feel(drill: Drill, site: HaSite, load: Load): Promise<Measured> {
  try {
    const began = await drill.fault(site)
    await load.settled(began)
    const times = (Object.entries(drill.promised) as [Kind, number][]).map(([kind, promised]) => {
      const measured = load.outage(kind, began)
      const isKept = measured <= promised
      if (!isKept) console.log(load.failures(kind, began))
      return { isKept, text: `${kind}s ${measured.toFixed(1)} s of ${promised} s` }
    })
    return { text: times.map(({ text }) => text).join(', '), isKept: times.every(({ isKept }) => isKept) }
  } finally {
    await drill.mend?.(site)
  }
}

/** Restores to a second within the load, and compares answer by answer. @throws Error when one is missing or too early. */
async function restore(site: HaSite, load: Load): Promise<Measured> {
  const moment = new Date().toISOString()
  await sleep(5_000)
  await site.put('mon1', '/tmp/answers.tsv', load.ledger())
  const began = performance.now()
  await hosts(['exec', 'mon1', 'manyhands-restore-drill', moment, '/tmp/answers.tsv'])
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  return { text: `to ${moment} in ${seconds} s, as the ledger has it, answer by answer`, isKept: true }
}
