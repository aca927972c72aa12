import { setTimeout as sleep } from 'node:timers/promises'
import { holderOf, said, underLoad, untilTrue } from './drills.ts'
import type { Drill, DrilledSite, LoadResult, Measured } from './drills.ts'
import { sentTo } from './felt.ts'
import { addressOf, changeInventory, hosts, hostsOf, provision, runOnNetwork } from './hosts.ts'
import { askRedis, moveMasters, redisMaster } from './redis-masters.ts'

const SETTLE_MS = 3_000
const WATCH_MS = 15_000
const SECOND = 1_000

/** The rows of the failure matrix that are no database's, and what is done with hosts while the site is used. */
export const appDrills: readonly Drill[] = [
  {
    name: 'A file that came through another host',
    promise: 'read byte for byte',
    run: shareFiles,
  },
  {
    name: 'Host of the Redis masters lost',
    promise: 'jobs flow again within 6 s; none lost',
    run: loseRedis,
  },
  {
    name: 'Workers of all hosts killed in mid job',
    promise: 'each job is done within 60 s; none lost',
    run: killWorkers,
  },
  {
    name: 'Application host lost',
    promise: 'no failed GET beyond 5 s',
    run: loseApplicationHost,
  },
  {
    name: 'Load balancer lost',
    promise: 'the address moves within 4 s',
    run: loseBalancer,
  },
  {
    name: 'Application host added',
    promise: 'traffic within 10 minutes; no failed request',
    run: addHost,
  },
  {
    name: 'Application host removed',
    promise: 'within 10 minutes; no failed request',
    run: removeHost,
  },
]

async function shareFiles(site: DrilledSite): Promise<Measured> {
  const [one = '', other = ''] = await Promise.all(hostsOf(site.folder, 'app').map(addressOf))
  await runOnNetwork('share-file.ts', [one, other, site.domain, site.authority])
  await runOnNetwork('share-file.ts', [other, one, site.domain, site.authority])
  return { text: '20 files, 10 through each host, were the same through the other', isKept: true }
}

/** So many jobs a second are asked for. */
const JOBS_PER_SECOND = 5
const JOBS = 150
/** What a lost master took along is handed over again after a minute. */
const JOBS_PATIENCE_S = 120

async function loseRedis(site: DrilledSite): Promise<Measured> {
  const lost = await masterBesideWriters(site)
  const { gap, undone } = await askForJobs(site, () => hosts(['kill', lost]))
  await hosts(['start', lost])
  await untilTrue('both replicas follow the new master', async () => {
    const master = await redisMaster(site.folder)
    return (await askRedis(master, 'info replication')).includes('connected_slaves:2')
  })
  return {
    text: `${JOBS} jobs, at most ${gap} s between two that were done, ${undone} lost`,
    isKept: gap <= 6 && undone === 0,
  }
}

/** So long jobs that were begun wait for what they need. */
const HELD_S = 10

/** Those of all hosts at once, so that nobody else has time for what they had begun. */
async function killWorkers(site: DrilledSite): Promise<Measured> {
  const { longest, undone, again } = await askForJobs(site, async () => {
    const holding = site.sql(
      `select pg_advisory_lock(hashtextextended('rank-people', 0)), pg_sleep(${HELD_S})`,
    )
    const waiting = `select count(*) > 0 from pg_stat_activity where wait_event = 'advisory'`
    await untilTrue('a job has begun', async () => (await site.sql(waiting)) === 't')
    const killing = ['systemctl', 'kill', '-s', 'KILL', 'manyhands-worker']
    await Promise.all(hostsOf(site.folder, 'app').map((host) => hosts(['exec', host, ...killing])))
    await holding
  })
  return {
    text: `${JOBS} jobs, ${again} begun again, each done within ${longest} s, ${undone} lost`,
    isKept: again > 0 && longest <= 60 && undone === 0,
  }
}

/** What became of jobs; times are seconds. */
interface Jobs {
  /** The longest time between two that were done. */
  readonly gap: number
  /** The longest time between being asked for and done. */
  readonly longest: number
  readonly undone: number
  /** How many were begun more than once. */
  readonly again: number
}

/** Asks for jobs all the time, breaks something when they flow, and waits until they are done. */
async function askForJobs(site: DrilledSite, fault: () => Promise<unknown>): Promise<Jobs> {
  const tag = `drill-${Date.now()}`
  const asking = site.sql(`do $$ begin for n in 1..${JOBS} loop
      insert into outbox (job, payload, request_id) values ('leaderboard', '{}', '${tag}');
      commit;
      perform pg_sleep(${1 / JOBS_PER_SECOND});
    end loop; end $$`)
  const flowing = `select count(*) >= ${JOBS_PER_SECOND} from outbox where request_id = '${tag}' and done is not null`
  await untilTrue('jobs flow', async () => (await site.sql(flowing)) === 't')
  await fault()
  await asking
  const count = `select count(*) from outbox where request_id = '${tag}' and done is null`
  for (let left = JOBS_PATIENCE_S; left > 0 && (await site.sql(count)) !== '0'; left -= 1) await sleep(SECOND)
  const figures =
    await site.sql(`select count(*) filter (where done is null), round(max(extract(epoch from gap)), 1),
                                         round(max(extract(epoch from done - created)), 1),
                                         count(*) filter (where attempts > 1)
                                    from (select done, created, attempts, done - lag(done) over (order by done) as gap
                                            from outbox where request_id = '${tag}') as ordered`)
  const [undone = NaN, gap = NaN, longest = NaN, again = NaN] = figures.split('|').map(Number)
  return { gap, longest, undone, again }
}

/** The host of the masters, moved to where no commit waits for it: what its loss costs writes is measured elsewhere. */
async function masterBesideWriters(site: DrilledSite): Promise<string> {
  const writers = await site.writers()
  const master = await redisMaster(site.folder)
  if (!writers.includes(master)) return master
  const chosen = hostsOf(site.folder, 'redis').find((host) => !writers.includes(host))
  if (chosen === undefined) throw new Error(`Commits wait for all hosts of Redis: ${writers.join(', ')}`)
  await moveMasters(site.folder, chosen)
  return chosen
}

async function loseApplicationHost(site: DrilledSite): Promise<Measured> {
  const holder = await holderOf(site.folder)
  const lost = hostsOf(site.folder, 'app').find((host) => host !== holder) ?? ''
  let lostAt = 0
  const load = await underLoad(site, async () => {
    await sleep(SETTLE_MS)
    lostAt = Date.now()
    await hosts(['kill', lost])
    await sleep(WATCH_MS)
  })
  await bringBack(lost)
  const late = load.failures.filter(({ at }) => at > lostAt + 5 * SECOND).length
  return { text: `${summary(load)}, ${late} of them later than 5 s`, isKept: late === 0 }
}

async function loseBalancer(site: DrilledSite): Promise<Measured> {
  const lost = await holderOf(site.folder)
  const load = await underLoad(site, async () => {
    await sleep(SETTLE_MS)
    await hosts(['kill', lost])
    await sleep(WATCH_MS)
  })
  const next = await holderOf(site.folder, lost)
  await bringBack(lost)
  return {
    text: `from ${lost} to ${next}: ${summary(load)}`,
    isKept: load.longestGapMs <= 4 * SECOND,
  }
}

const NEWCOMER = 'app3'

async function addHost(site: DrilledSite): Promise<Measured> {
  // Whichever of them has the address.
  const lasting = hostsOf(site.folder, 'app')
  const sentSoFar = () => sentTo(lasting, 'web', `${NEWCOMER}-`)
  await hosts(['up', NEWCOMER])
  await changeInventory(site.folder, ({ all }) => {
    all.hosts[NEWCOMER] = {}
    all.children['app'] = { hosts: { ...all.children['app']?.hosts, [NEWCOMER]: {} } }
  })
  const began = Date.now()
  const secondsSoFar = () => Math.round((Date.now() - began) / SECOND)
  let seconds = Infinity
  let isOver = false
  const load = await underLoad(site, async () => {
    const firstRequest = async () => {
      // HAProxy says nothing while it takes new settings.
      while (!isOver && (await sentSoFar().catch(() => 0)) === 0) await sleep(SECOND)
      seconds = secondsSoFar()
    }
    await Promise.all([provision(site.folder).finally(() => (isOver = true)), firstRequest()])
    await sleep(SETTLE_MS)
  })
  const all = secondsSoFar()
  const sent = await sentSoFar()
  return {
    text: `first request after ${seconds} s, all done after ${all} s, when it had served ${sent}: ${summary(load)}`,
    isKept: load.failures.length === 0 && sent > 0 && seconds <= 600,
  }
}

async function removeHost(site: DrilledSite): Promise<Measured> {
  await changeInventory(site.folder, ({ all }) => {
    const { [NEWCOMER]: leaving, ...staying } = all.children['app']?.hosts ?? {}
    all.children['app'] = { hosts: staying }
    all.children['leaving'] = { hosts: { [NEWCOMER]: leaving ?? {} } }
  })
  const began = Date.now()
  let seconds = 0
  const load = await underLoad(site, async () => {
    await provision(site.folder)
    seconds = Math.round((Date.now() - began) / SECOND)
    await hosts(['kill', NEWCOMER])
    await sleep(SETTLE_MS)
  })
  await changeInventory(site.folder, ({ all }) => {
    const { [NEWCOMER]: _gone, ...staying } = all.hosts
    all.hosts = staying
    all.children['leaving'] = { hosts: {} }
  })
  return {
    text: `${seconds} s, and then its power cut: ${summary(load)}`,
    isKept: load.failures.length === 0 && seconds <= 600,
  }
}

function summary({ requests, failures, longestGapMs }: LoadResult): string {
  for (const failure of failures.slice(0, 20)) console.log(JSON.stringify(failure))
  return `${failures.length} of ${requests} requests failed, at most ${(longestGapMs / SECOND).toFixed(1)} s without a page`
}

async function bringBack(host: string): Promise<void> {
  await hosts(['start', host])
  const ready = `exec 3<>/dev/tcp/${await addressOf(host)}/3001 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -1 <&3`
  await untilTrue(`${host} serves again`, async () =>
    (await said(host, ready).catch(() => '')).includes(' 200 '),
  )
  // Those in front of it hear of it within a second or two.
  await sleep(SETTLE_MS)
}
