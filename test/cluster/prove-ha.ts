import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { databaseDrills } from './drill-databases.ts'
import { appDrills } from './drills-app.ts'
import { runDrills } from './drills.ts'
import { HaSite, Load } from './ha-site.ts'
import type { Drill, Kind } from './ha-site.ts'
import {
  NETWORK,
  hosts,
  makeSite,
  packRelease,
  provision,
  readAuthority,
  siteFolder,
  useSite,
} from './hosts.ts'
import { steps } from './steps.ts'

/** The site's name in the profile's inventory. */
const DOMAIN = 'manyhands.example'
const ALL_HOSTS = 'db1,db2,db3,app1,app2,mon1'

/** Hosts that the profile leaves out, and their groups: boot them by naming them. */
const MORE = { off1: 'offsite', ana1: 'analytics' }

const DRILLS: readonly Drill[] = [...databaseDrills]

/**
 * Brings bare Debian hosts to a working site with the ha profile, breaks its parts one after the other under load, and
 * prints how long each was felt beside what is promised.
 *
 * @param args `--hosts db1,…` boots only these of the profile's; `--only WORDS` drills only what has these words in its
 *   name; `--on` drills the hosts that run already; `--keep` leaves them running.
 * @returns the exit status: 1 when a promise was not kept.
 */
export async function proveHa(args: readonly string[]): Promise<number> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      hosts: { type: 'string', default: ALL_HOSTS },
      only: { type: 'string', default: '' },
      on: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  const names = flags.hosts.split(',')
  const { step, print } = steps()
  await hosts(['check'])
  try {
    const site = flags.on ? siteFolder : await provisioned(names, step)
    const rows = await drilled(
      new HaSite(site, names),
      DRILLS.filter(({ name }) => name.includes(flags.only)),
    )
    for (const row of rows) console.log(row.text)
    const broken = names.includes('app2') ? await drillOthers(site, names, flags.only) : 0
    return broken === 0 && rows.every(({ isKept }) => isKept) ? 0 : 1
  } finally {
    if (!flags.keep) await hosts(['down'])
    print()
  }
}

function changes(names: readonly string[]) {
  return {
    hosts: names,
    joined: Object.fromEntries(Object.entries(MORE).filter(([name]) => names.includes(name))),
    settings: {
      site_floating_address: `${NETWORK}.100/24`,
      // All who make the load come from one address.
      site_settings: { RATE_LIMIT: 'off' },
      // Hosts of a cluster see the memory of the whole machine.
      postgres_memory_mb: 1024,
      site_web_processes: 1,
      nginx_unlimited: [`${NETWORK}.0/24`],
    },
  }
}

async function provisioned(
  names: readonly string[],
  step: ReturnType<typeof steps>['step'],
): Promise<string> {
  await step('Packages, once', () => hosts(['base']))
  await step('Release, once', packRelease)
  await step('Bare hosts', () => hosts(['up', ...names]))
  const site = await makeSite('ha', changes(names))
  await step('Provision', () => provision(site))
  await step('Provision again', async () => {
    assert.equal(await provision(site), 0, 'a second run changes nothing')
  })
  await step('Use the site', () => useSite('app1', DOMAIN, site))
  return site
}

/** Runs the drills that need no load of answers. @returns how many promises were broken. */
async function drillOthers(folder: string, names: readonly string[], only: string): Promise<number> {
  const site = new HaSite(folder, names)
  const authority = await readAuthority('app1', folder)
  const chosen = appDrills.filter(({ name }) => name.includes(only))
  return runDrills(chosen, {
    ...{ folder, domain: DOMAIN, authority },
    primary: () => site.primary(),
    sql: (query) => site.query(query),
  })
}

interface Row {
  readonly text: string
  readonly isKept: boolean
}

/** Runs the drills one after the other under load. */
async function drilled(site: HaSite, drills: readonly Drill[]): Promise<Row[]> {
  await site.healthy()
  const load = await Load.start(site, 'app1', DOMAIN)
  const rows: Row[] = []
  for (const drill of drills) {
    console.log(`\n### ${drill.name}`)
    const began = Date.now()
    await drill.fault(site)
    await load.settled(began)
    const felt = (Object.entries(drill.promised) as [Kind, number][]).map(([kind, promised]) => ({
      kind,
      promised,
      measured: load.outage(kind, began),
    }))
    await drill.mend?.(site)
    await site.healthy()
    const answers = await load.check(site)
    const row = rowOf(drill.name, felt, answers)
    console.log(row.text)
    rows.push(row)
  }
  if (site.names.includes('mon1')) await restored(site, load)
  await load.stop()
  rows.push(rowOf('all of them, after the load', [], await load.check(site)))
  return rows
}

/** Restores to a second within the load, and compares answer by answer. @throws Error when one is missing or too early. */
async function restored(site: HaSite, load: Load): Promise<void> {
  const moment = new Date().toISOString()
  console.log(`\n### Restore to ${moment}`)
  await sleep(5_000)
  await site.put('mon1', '/tmp/answers.tsv', load.ledger())
  await hosts(['exec', 'mon1', 'manyhands-restore-drill', moment, '/tmp/answers.tsv'])
}

function rowOf(
  name: string,
  felt: readonly { kind: Kind; promised: number; measured: number }[],
  answers: { acknowledged: number; lost: number; doubled: number },
): Row {
  const times = felt.map(
    ({ kind, promised, measured }) => `${kind}s ${measured.toFixed(1).padStart(5)} s of ${promised} s`,
  )
  const { acknowledged, lost, doubled } = answers
  return {
    text: `${name.padEnd(32)} ${times.join(', ').padEnd(46)} ${acknowledged} answers, ${lost} lost, ${doubled} doubled`,
    isKept: lost === 0 && doubled === 0 && felt.every(({ promised, measured }) => measured <= promised),
  }
}
