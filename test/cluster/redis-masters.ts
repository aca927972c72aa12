import { setTimeout as sleep } from 'node:timers/promises'
import { said } from './drills.ts'
import { addressOf, hostsOf } from './hosts.ts'

const PORTS = { queue: 6380, cache: 6379 }
const USES = ['queue', 'cache'] as const

/** The sentinels end one failover before they begin another. */
const FAILOVER_MS = 35_000
/** They ask each Redis about itself every ten seconds. */
const SENTINELS_KNOW_MS = 12_000

type Use = (typeof USES)[number]

/** The host of a master, the queue's if none is named: it is the cache's too at first. @throws Error when no sentinel knows it. */
export async function redisMaster(folder: string, use: Use = 'queue'): Promise<string> {
  const redis = hostsOf(folder, 'redis')
  const addresses = await Promise.all(redis.map(addressOf))
  for (const sentinel of redis) {
    const named = await askRedis(sentinel, `sentinel get-master-addr-by-name ${use}`).catch(() => '')
    const master = redis[addresses.indexOf(named.split('\n')[0] ?? '')]
    if (master !== undefined) return master
  }
  throw new Error('No sentinel knows a master')
}

/** Lets a host have both masters. @throws Error when the sentinels chose another one. */
export async function moveMasters(folder: string, chosen: string): Promise<void> {
  const elsewhere = await usesElsewhere(folder, chosen)
  if (elsewhere.length === 0) return
  try {
    await setPriority(chosen, 1)
    await sleep(SENTINELS_KNOW_MS)
    for (const use of elsewhere) await askRedis(chosen, `sentinel failover ${use}`)
    await sleep(FAILOVER_MS)
  } finally {
    await setPriority(chosen, 100)
  }
  const left = await usesElsewhere(folder, chosen)
  if (left.length > 0) throw new Error(`The masters of ${left.join(' and ')} did not move to ${chosen}`)
}

/** Of which uses another host has the master. */
async function usesElsewhere(folder: string, host: string): Promise<readonly Use[]> {
  const masters = await Promise.all(USES.map((use) => redisMaster(folder, use)))
  return USES.filter((_, n) => masters[n] !== host)
}

/** The lowest one is the next master. */
async function setPriority(host: string, priority: number): Promise<void> {
  for (const use of USES)
    for (const command of [`config set replica-priority ${priority}`, 'config rewrite'])
      await askRedis(host, command, use)
}

/** Asks a host's sentinel, or one of its Redis. */
export async function askRedis(host: string, command: string, use: Use = 'queue'): Promise<string> {
  if (command.startsWith('sentinel')) return said(host, `manyhands-sentinel --raw ${command}`)
  const address = await addressOf(host)
  const password = `$(sed -n 's/^requirepass "\\?\\([^"]*\\)"\\?$/\\1/p' /etc/redis/redis-${use}.conf)`
  return said(host, `REDISCLI_AUTH="${password}" redis-cli -h ${address} -p ${PORTS[use]} --raw ${command}`)
}
