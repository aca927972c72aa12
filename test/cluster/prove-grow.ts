import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { chosen } from './chosen.ts'
import { said } from './drills.ts'
import { countOf, isWhole, sentTo, told, whileUsed } from './felt.ts'
import type { Count } from './felt.ts'
import {
  DOMAIN,
  addressOf,
  changeInventory,
  floatingAddress,
  hosts,
  hostsOf,
  makeSite,
  packRelease,
  provision,
  readAuthority,
  siteFolder,
  useSite,
} from './hosts.ts'
import type { Watching } from './hosts.ts'

/** Of the ha profile: two hosts of each kind, and one for the third share of the files. */
const HOSTS = ['db1', 'db2', 'app1', 'app2', 'mon1']
const LASTING = ['app1', 'app2']
const SECONDS_MAX = 600
const SECOND = 1_000

/** A host that comes and goes by its line in a group of the inventory. */
interface Newcomer {
  readonly name: string
  readonly host: string
  readonly group: string
  /** How much of the site's traffic it has had, whatever is counted. */
  traffic(): Promise<number>
}

const NEWCOMERS: readonly Newcomer[] = [
  { name: 'Application host', host: 'app3', group: 'app', traffic: () => sentTo(LASTING, 'web', 'app3-') },
  { name: 'Worker host', host: 'work1', group: 'workers', traffic: () => jobsOf('work1') },
  { name: 'Replica', host: 'db3', group: 'databases', traffic: () => sentTo(LASTING, 'replicas', 'db3') },
]

interface Row {
  readonly what: string
  readonly seconds: string
  readonly count: Count
  readonly isKept: boolean
}

/**
 * Adds an application host, a worker host and a replica to a site by a line of its inventory each and a run of site.yml,
 * and removes them again, while people use it; prints when each had its share of the traffic, and which requests failed.
 *
 * @param args `--only WORDS` chooses by what is added; `--keep` leaves the hosts running, and `--running` takes those.
 * @returns the exit status: 1 when a request failed or it took longer than ten minutes.
 */
export async function proveGrow(args: readonly string[]): Promise<number> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      keep: { type: 'boolean', default: false },
      running: { type: 'boolean', default: false },
    },
  })
  const newcomers = chosen(NEWCOMERS, flags.only)
  const rows: Row[] = []
  await hosts(['check'])
  try {
    if (!flags.running) await provisioned()
    await hosts(['up', ...newcomers.map(({ host }) => host)])
    await whileUsed(floatingAddress, await readAuthority('app1', siteFolder), async (use) => {
      for (const newcomer of newcomers) {
        rows.push(await added(newcomer, use))
        rows.push(await removed(newcomer, use))
      }
    })
  } finally {
    if (!flags.keep) await hosts(['down'])
    for (const { what, seconds, count, isKept } of rows)
      console.log(`${isKept ? ' ' : '!'} ${what.padEnd(26)} ${seconds.padEnd(42)} ${told(count)}`)
  }
  return rows.every(({ isKept }) => isKept) ? 0 : 1
}

async function provisioned(): Promise<void> {
  await hosts(['base'])
  await packRelease()
  await hosts(['up', ...HOSTS])
  const site = await makeSite('ha', {
    hosts: HOSTS,
    settings: {
      site_floating_address: `${floatingAddress}/24`,
      // All who use it come from one address, and what takes the site's webhooks is on the hosts' own network.
      site_settings: { RATE_LIMIT: 'off', PRIVATE_ADDRESSES: '10.0.0.0/8' },
      nginx_unlimited: ['0.0.0.0/0'],
      // Hosts of a cluster see the memory of the whole machine.
      postgres_memory_mb: 1024,
      site_monitoring_memory_mb: 1_000_000,
      site_web_processes: 1,
    },
  })
  await provision(site)
  await useSite('app1', DOMAIN, site)
}

async function added({ name, host, group, traffic }: Newcomer, use: Watching): Promise<Row> {
  console.log(`\n### ${name} added`)
  await changeInventory(siteFolder, ({ all }) => {
    all.hosts[host] = {}
    const entry = all.children[group]
    all.children[group] = { ...entry, hosts: { ...entry?.hosts, [host]: null } }
  })
  await use.ask()
  const began = Date.now()
  const since = () => Math.round((Date.now() - began) / SECOND)
  let first: number | undefined
  const run = provision(siteFolder).then(since)
  const isOver = run.then(() => true)
  // Whoever awaits the run hears of it.
  isOver.catch(() => undefined)
  while (first === undefined && since() < SECONDS_MAX) {
    // Not there yet, or not led to yet.
    if ((await traffic().catch(() => 0)) > 0) first = since()
    await Promise.race([sleep(2 * SECOND), isOver])
  }
  const ended = await run
  const count = await countOf(use)
  return {
    what: `${name} added`,
    seconds: `traffic after ${first ?? 'more than 600'} s, a run of ${ended} s`,
    count,
    isKept: first !== undefined && ended <= SECONDS_MAX && isWhole(count),
  }
}

async function removed({ name, host, group }: Newcomer, use: Watching): Promise<Row> {
  console.log(`\n### ${name} removed`)
  await changeInventory(siteFolder, ({ all }) => {
    const entry = all.children[group]
    const { [host]: _leaving, ...staying } = entry?.hosts ?? {}
    all.children[group] = { ...entry, hosts: staying }
    all.children['leaving'] = { hosts: { [host]: null } }
  })
  await use.ask()
  const began = Date.now()
  await provision(siteFolder)
  const seconds = Math.round((Date.now() - began) / SECOND)
  await hosts(['kill', host])
  const count = await countOf(use)
  await changeInventory(siteFolder, ({ all }) => {
    const { [host]: _gone, ...staying } = all.hosts
    all.hosts = staying
    all.children['leaving'] = { hosts: {} }
  })
  return {
    what: `${name} removed`,
    seconds: `after ${seconds} s, and then its power cut`,
    count,
    isKept: seconds <= SECONDS_MAX && isWhole(count),
  }
}

/** How many commands about jobs come from a host's worker while there are some to do. */
async function jobsOf(host: string): Promise<number> {
  await inDatabase(`insert into outbox (job, payload) select 'leaderboard', '{}' from generate_series(1, 30)`)
  const counts = await Promise.all(
    hostsOf(siteFolder, 'redis').map(async (redis) => {
      const password = '$(sed -n \'s/^requirepass "\\?\\([^"]*\\)"\\?$/\\1/p\' /etc/redis/redis-queue.conf)'
      const monitor = `REDISCLI_AUTH="${password}" timeout 4 redis-cli -s /run/redis-queue/redis.sock monitor`
      return said(redis, `${monitor} | grep -c ' ${await addressOf(host)}:.*outbox-' || true`)
    }),
  )
  return counts.reduce((sum, count) => sum + Number(count), 0)
}

async function inDatabase(query: string): Promise<void> {
  const databases = ['db1', 'db2']
  const program = `runuser -u postgres -- psql -qXAt manyhands -c`
  for (const host of databases) {
    if ((await said(host, `${program} 'select pg_is_in_recovery()'`)) === 'f')
      await said(host, `${program} "${query}"`)
  }
}
