import { hosts } from './hosts.ts'
import type { Drill, HaSite } from './ha-site.ts'

let lost = ''

async function cutPower(host: string): Promise<void> {
  lost = host
  await hosts(['kill', host])
}

const bringBack = () => hosts(['start', lost])

/** Stops PostgreSQL at once, as a crash does. */
async function killPostmaster(site: HaSite): Promise<void> {
  await site.run(
    await site.primary(),
    'sh',
    '-c',
    'kill -9 $(head -1 /var/lib/postgresql/15/main/postmaster.pid)',
  )
}

async function switchOver(site: HaSite): Promise<void> {
  const [primary, candidate] = [await site.primary(), await site.synchronous()]
  await site.run(
    primary,
    ...['patronictl', '-c', '/etc/patroni/config.yml', 'switchover', '--force'],
    ...['--master', primary, '--candidate', candidate],
  )
}

/** The members of etcd that are stopped: of those that are not on the primary. */
async function etcd(site: HaSite, deed: 'stop' | 'start', count: number): Promise<void> {
  const primary = await site.primary().catch(() => '')
  if (deed === 'stop') stopped = site.databases.filter((name) => name !== primary).slice(0, count)
  for (const host of stopped) await site.run(host, 'systemctl', deed, '--no-block', 'etcd')
}
let stopped: readonly string[] = []

/** What befalls databases. */
export const databaseDrills: readonly Drill[] = [
  {
    name: 'primary: host lost',
    promised: { write: 35, read: 7 },
    fault: async (site) => cutPower(await site.primary()),
    mend: bringBack,
  },
  { name: 'primary: postmaster killed', promised: { write: 20, read: 7 }, fault: killPostmaster },
  { name: 'primary: planned switchover', promised: { write: 5, read: 7 }, fault: switchOver },
  {
    name: 'replica waited for: host lost',
    promised: { write: 20, read: 7 },
    fault: async (site) => cutPower(await site.synchronous()),
    mend: bringBack,
  },
  {
    name: 'pooler of the primary killed',
    promised: { write: 3, read: 3 },
    fault: async (site) => site.run(await site.primary(), 'systemctl', 'kill', '-s', 'KILL', 'pgbouncer'),
  },
  {
    name: 'one etcd of three stopped',
    promised: { write: 1, read: 1 },
    fault: (site) => etcd(site, 'stop', 1),
    mend: (site) => etcd(site, 'start', 1),
  },
  {
    name: 'two etcd of three stopped',
    promised: { write: 1, read: 1 },
    fault: (site) => etcd(site, 'stop', 2),
    mend: (site) => etcd(site, 'start', 2),
  },
]
