import { setTimeout as sleep } from 'node:timers/promises'
import { said } from './drills.ts'
import { countOf, sentTo, told, whileUsed } from './felt.ts'
import type { Count } from './felt.ts'
import {
  DOMAIN,
  addressOf,
  changeInventory,
  hosts,
  makeSite,
  packRelease,
  provision,
  readAuthority,
  siteFolder,
  useSite,
} from './hosts.ts'
import type { Watching } from './hosts.ts'
import { commandsOf, typeOn } from './runbook.ts'

const FIRST = 'site'
const REPLICA = 'db2'
const SECOND = 1_000
const SECONDS_MAX = 600
/** What the first replica costs once: PostgreSQL and PgBouncer of the first host are started anew. */
const ANEW_SECONDS_MAX = 15

/** Nobody answers any more, and it has so long to follow. */
const FOLLOWS_S = 30

interface Row {
  readonly what: string
  readonly text: string
  readonly isKept: boolean
}

/**
 * Gives a site on one host its first replica by a line of its inventory and a run of site.yml, takes it away and gives it
 * back while people use the site, and makes it the site when the first host is lost for good. Prints what was felt.
 *
 * @param args `--keep` leaves the hosts running.
 * @returns the exit status: 1 when it took longer, or failed for longer, than is promised, or something was lost.
 */
export async function proveReplica(args: readonly string[]): Promise<number> {
  const rows: Row[] = []
  await hosts(['check'])
  try {
    await provisioned()
    await hosts(['up', REPLICA])
    await changeInventory(siteFolder, ({ all }) => {
      all.hosts[REPLICA] = { postgres_memory_share: 0.4 }
    })
    await whileUsed(await addressOf(FIRST), await readAuthority(FIRST, siteFolder), async (use) => {
      rows.push(await added('First replica', ANEW_SECONDS_MAX, use))
      rows.push(await removed(use))
      for (const command of commandsOf('add-replica.md', '**A copy is made anew**'))
        await typeOn(REPLICA, command)
      rows.push(await added('It again, made anew', 0, use))
    })
    rows.push(await lost())
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
    for (const { what, text, isKept } of rows) console.log(`${isKept ? ' ' : '!'} ${what.padEnd(22)} ${text}`)
  }
  return rows.every(({ isKept }) => isKept) ? 0 : 1
}

async function provisioned(): Promise<void> {
  await hosts(['base'])
  await packRelease()
  await hosts(['up', FIRST])
  const site = await makeSite('single', {
    settings: {
      // All who use it come from one address, and what takes the site's webhooks is on the hosts' own network.
      site_settings: { RATE_LIMIT: 'off', PRIVATE_ADDRESSES: '10.0.0.0/8' },
      nginx_unlimited: ['0.0.0.0/0'],
      // Hosts of a cluster see the memory of the whole machine.
      postgres_memory_mb: 1024,
      site_monitoring_memory_mb: 1_000_000,
    },
  })
  await provision(site)
  await useSite(FIRST, DOMAIN, site)
}

async function added(name: string, failingSecondsMax: number, use: Watching): Promise<Row> {
  console.log(`\n### ${name} added`)
  await changeInventory(siteFolder, ({ all }) => {
    all.children['databases'] = { hosts: { [FIRST]: { postgres_role: 'primary' }, [REPLICA]: null } }
    all.children['leaving'] = { hosts: {} }
  })
  const reads = () => sentTo([FIRST], 'replicas', REPLICA)
  await use.ask()
  const began = Date.now()
  const since = () => Math.round((Date.now() - began) / SECOND)
  await provision(siteFolder)
  const run = since()
  // Connections that there are stay where they are until they are three minutes old.
  while ((await reads()) === 0 && since() < SECONDS_MAX) await sleep(SECOND)
  const seconds = since()
  const count = await countOf(use)
  const failing = secondsOf(count)
  return {
    what: `${name} added`,
    text: `a run of ${run} s, reads within ${seconds} s; ${told(count)}, for ${failing} s`,
    isKept: seconds < SECONDS_MAX && failing <= failingSecondsMax && nothingLost(count),
  }
}

async function removed(use: Watching): Promise<Row> {
  console.log('\n### It removed')
  await changeInventory(siteFolder, ({ all }) => {
    all.children['databases'] = { hosts: { [FIRST]: { postgres_role: 'primary' } } }
    all.children['leaving'] = { hosts: { [REPLICA]: null } }
  })
  await use.ask()
  const began = Date.now()
  await provision(siteFolder)
  const seconds = Math.round((Date.now() - began) / SECOND)
  const count = await countOf(use)
  return {
    what: 'It removed',
    text: `a run of ${seconds} s; ${told(count)}`,
    isKept: seconds <= SECONDS_MAX && secondsOf(count) === 0 && nothingLost(count),
  }
}

/** As docs/operations/add-replica.md has it. */
async function lost(): Promise<Row> {
  console.log('\n### First host lost for good')
  const taskRuns = (host: string) =>
    said(host, `runuser -u postgres -- psql -qXAt manyhands -c 'select count(*) from task_run'`)
  const acknowledged = await taskRuns(FIRST)
  for (let left = FOLLOWS_S; left > 0 && (await taskRuns(REPLICA)) !== acknowledged; left -= 1)
    await sleep(SECOND)
  await hosts(['kill', FIRST])
  const began = Date.now()
  for (const command of commandsOf('add-replica.md', '1. On the replica:')) await typeOn(REPLICA, command)
  await changeInventory(siteFolder, ({ all }) => {
    all.hosts = { [REPLICA]: {} }
    for (const group of Object.values(all.children))
      if (group && Object.hasOwn(group.hosts ?? {}, FIRST)) group.hosts = { [REPLICA]: null }
    all.children['databases'] = { hosts: { [REPLICA]: { postgres_role: 'primary' } } }
  })
  await provision(siteFolder)
  await hosts(['exec', REPLICA, 'manyhands', 'jobs', 'rebuild'])
  const kept = await taskRuns(REPLICA)
  await useSite(REPLICA, DOMAIN, siteFolder)
  const seconds = Math.round((Date.now() - began) / SECOND)
  const again = await provision(siteFolder)
  return {
    what: 'First host lost',
    text: `a site again after ${seconds} s; a second run changed ${again}; ${kept} of ${acknowledged} task runs there`,
    isKept: seconds <= SECONDS_MAX && again === 0 && kept === acknowledged,
  }
}

/** From the first request that failed to the last one: each begins with the time of the day. */
function secondsOf({ failures }: Count): number {
  const times = failures.map((failure) => Date.parse(`1970-01-01T${failure.slice(0, 8)}Z`) / SECOND)
  return times.length === 0 ? 0 : Math.max(...times) - Math.min(...times) + 1
}

function nothingLost({ answered, lost: answers, jobsLost }: Count): boolean {
  return answered > 0 && answers === 0 && jobsLost === 0
}
