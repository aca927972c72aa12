import { hosts } from './hosts.ts'
import type { Drill, HaSite } from './ha-site.ts'
import { moveMasters } from './redis-masters.ts'

let lost = ''

async function cutPower(host: string): Promise<number> {
  lost = host
  const began = Date.now()
  await hosts(['kill', host])
  return began
}

const bringBack = () => hosts(['start', lost])

async function losePrimaryWithMasters(site: HaSite): Promise<number> {
  const primary = await site.primary()
  await moveMasters(site.folder, primary)
  return cutPower(primary)
}

/** Stops PostgreSQL at once, as a crash does. */
async function killPostmaster(site: HaSite): Promise<number> {
  const kill = 'kill -9 $(head -1 /var/lib/postgresql/15/main/postmaster.pid)'
  return ran(site, await site.primary(), 'sh', '-c', kill)
}

/** Takes the packages again, as an upgrade to a version that Debian does not have yet would. Patroni's database runs on. */
async function upgradePackages(site: HaSite, host: string): Promise<void> {
  const postmaster = () => site.run(host, 'head', '-1', '/var/lib/postgresql/15/main/postmaster.pid')
  const before = await postmaster()
  await site.run(host, 'apt-get', 'install', '-qq', '--reinstall', 'postgresql-15')
  if ((await postmaster()) !== before) throw new Error(`The package started PostgreSQL of ${host} anew`)
}

/** As docs/operations/upgrade-postgresql.md has it. */
async function upgradeCopy(site: HaSite): Promise<number> {
  const copy = await site.synchronous()
  await upgradePackages(site, copy)
  return ran(
    site,
    copy,
    ...['patronictl', '-c', '/etc/patroni/config.yml', 'restart', 'manyhands', copy, '--force'],
  )
}

async function upgradePrimary(site: HaSite): Promise<number> {
  await upgradePackages(site, await site.primary())
  return switchOver(site)
}

async function switchOver(site: HaSite): Promise<number> {
  const [primary, candidate] = [await site.primary(), await site.synchronous()]
  return ran(
    site,
    primary,
    ...['patronictl', '-c', '/etc/patroni/config.yml', 'switchover', '--force'],
    ...['--master', primary, '--candidate', candidate],
  )
}

/** The members of etcd that are stopped: of those that are not on the primary. */
async function etcd(site: HaSite, deed: 'stop' | 'start', count: number): Promise<number> {
  const primary = await site.primary().catch(() => '')
  if (deed === 'stop') stopped = site.databases.filter((name) => name !== primary).slice(0, count)
  const began = Date.now()
  for (const host of stopped) await site.run(host, 'systemctl', deed, '--no-block', 'etcd')
  return began
}
let stopped: readonly string[] = []

/** Runs a command in a host. @returns when it began. */
async function ran(site: HaSite, host: string, ...command: string[]): Promise<number> {
  const began = Date.now()
  await site.run(host, ...command)
  return began
}

/** What befalls databases. */
export const databaseDrills: readonly Drill[] = [
  {
    name: 'primary: host lost',
    promised: { write: 35, read: 7 },
    fault: async (site) => cutPower(await site.primary()),
    mend: bringBack,
  },
  {
    name: 'primary with the Redis masters: host lost',
    promised: { write: 35, read: 7 },
    fault: losePrimaryWithMasters,
    mend: bringBack,
  },
  { name: 'primary: postmaster killed', promised: { write: 20, read: 7 }, fault: killPostmaster },
  { name: 'primary: planned switchover', promised: { write: 5, read: 7 }, fault: switchOver },
  {
    name: 'PostgreSQL upgraded: the copy waited for',
    promised: { write: 20, read: 7 },
    fault: upgradeCopy,
  },
  { name: 'PostgreSQL upgraded: the primary', promised: { write: 5, read: 7 }, fault: upgradePrimary },
  {
    name: 'replica waited for: host lost',
    promised: { write: 20, read: 7 },
    fault: async (site) => cutPower(await site.synchronous()),
    mend: bringBack,
  },
  {
    name: 'pooler of the primary killed',
    promised: { write: 3, read: 3 },
    fault: async (site) => ran(site, await site.primary(), 'systemctl', 'kill', '-s', 'KILL', 'pgbouncer'),
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

/** The host that keeps backups and figures, which serves nobody. */
export const backupHostDrill: Drill = {
  name: 'host of backups and figures lost',
  promised: { write: 2, read: 2 },
  fault: () => cutPower('mon1'),
  mend: bringBack,
}
