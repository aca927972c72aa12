import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { judged, printLines } from '../bench/report.ts'
import type { Line } from '../bench/report.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
import type { BuiltProject } from '../support/builders.ts'
import { eventually } from '../support/jobs.ts'
import { startRedisGroup } from '../support/sentinels.ts'
import type { RedisGroup } from '../support/sentinels.ts'
import { startTestServers } from '../support/servers.ts'
import type { Ending } from '../support/servers.ts'
import { startSmtp } from '../support/smtp.ts'
import { freePort, startProgram } from '../support/started-site.ts'
import type { StartedProgram } from '../support/started-site.ts'
import { startLoad, startSwitch } from './drill-load.ts'
import type { Load } from './drill-load.ts'
import { startSmallDisk } from './small-disk.ts'
import type { SmallDisk } from './small-disk.ts'

/**
 * `npm run drill:redis`: real web, worker and scheduler processes under a steady load, on a cache and a queue of a
 * master, two replicas and three sentinels each, while one part after the other fails. Prints what came of it.
 */
const { values: flags } = parseArgs({
  options: { smtp: { type: 'string', default: '60' }, only: { type: 'string' } },
})
const SMTP_SECONDS = Number(flags.smtp)
/** Jobs flow again within this time after the loss of a master, in seconds. */
const GAP_SECONDS = 6
const SLOT_SECONDS = 2
const STEADY_MS = 4_000
/** What a killed worker held is begun again a minute later, and a mail waits a minute for its server. */
const DRAIN_MS = 240_000

/** The exports of a whole drill fit, with room to be filled. */
const DISK_MB = 128

/** What has become of all jobs. */
const LEFT = `select job, case when done is not null then 'done' when failed is not null then 'failed' else 'open' end as state,
                     count(*)::int, max(attempts) as attempts, max(error) as error
                from outbox group by 1, 2 order by 1, 2`

interface Phase {
  readonly name: string
  readonly from: Date
  readonly until: Date
  readonly killedWorkers: number
}

const endings: (() => unknown)[] = []
const ending: Ending = { after: (end) => endings.push(end) }
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void endAll().then(() => process.exit(1)))
try {
  await drill()
} finally {
  await endAll()
}

async function endAll(): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end()
}

async function drill(): Promise<void> {
  const servers = await startTestServers()
  ending.after(() => servers.stop())
  const [cache, queue] = await Promise.all([startRedisGroup(), startRedisGroup()])
  ending.after(() => Promise.all([cache.end(), queue.end()]))
  let onMail = () => undefined as unknown
  const smtp = await startSmtp(ending, () => void onMail())
  const mailSwitch = await startSwitch(ending, smtp.url)
  const port = await freePort()
  const disk = await startSmallDisk(ending, DISK_MB)
  if (!disk) console.log('  no namespaces here (unshare --user --mount): no disk is filled')
  const siteEnding = lastFirst()
  ending.after(() => siteEnding.end())
  const site = await startTestApp(siteEnding, {
    ...cache.cache,
    ...queue.queue,
    MAIL_URL: `smtp://127.0.0.1:${mailSwitch.port}`,
    // The owner gets a mail for each of many exports within minutes.
    MAIL_LIMIT: 'off',
    ...(disk ? { FILES_DIR: disk.folder } : {}),
    LOG_LEVEL: 'silent',
  })
  const owner = await site.user()
  const project = await publishedProject(site, owner, { tasks: 3_000, redundancy: 10 })
  const url = `http://localhost:${port}`
  const processes = startProcesses({ ...site.env, PORT: String(port), SITE_URL: url }, disk)
  const isReady = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok
  await eventually(isReady, 240_000).catch(() => {
    throw new Error(`The processes do not start:\n${processes.output()}`)
  })
  const load = await startLoad(site, { owner, project, exported: await largeProject(site, owner), url })

  const phases: Phase[] = []
  async function phase(name: string, fault: () => Promise<unknown>, killedWorkers = 0): Promise<void> {
    if (flags.only !== undefined && !name.includes(flags.only)) return
    console.log(`  ${new Date().toISOString().slice(11, 19)}  ${name}`)
    await sleep(STEADY_MS)
    const from = new Date()
    await fault().catch(async (error: unknown) => {
      console.table(await rowsOf(site, LEFT))
      throw error
    })
    await sleep(STEADY_MS)
    phases.push({ name, from, until: new Date(), killedWorkers })
  }
  /** The same to cache and queue at once, and back to three servers each. */
  const onBoth = async (wound: (group: RedisGroup) => Promise<void>, hasNewMaster = true) => {
    await Promise.all(
      [cache, queue].map(async (group) => {
        const old = await group.masterPort()
        await wound(group)
        if (hasNewMaster) await group.untilMasterIsNot(old)
      }),
    )
    await sleep(STEADY_MS)
    await Promise.all([cache.repair(), queue.repair()])
  }

  await phase('nothing', () => sleep(STEADY_MS))
  await phase('master killed', () => onBoth((group) => group.killMaster()))
  await phase('master frozen', () => onBoth((group) => group.freezeMaster()))
  await phase('planned failover', () => onBoth((group) => group.failover()))
  await phase('all of Redis wiped', () => onBoth((group) => group.wipe(), false))
  await phase('worker killed in mid-export', () => processes.killWorkerInExport(site), 1)
  await phase(
    'worker killed in mid-mail',
    async () => {
      await new Promise<void>((resolve) => {
        onMail = () => {
          onMail = () => undefined
          // The mail has arrived; whoever sent it does not live to hear so.
          void processes.killWorkersMidMail().then(resolve)
        }
      })
    },
    2,
  )
  if (disk)
    await phase('disk full during an export', async () => {
      await untilExporting(site)
      await disk.fill()
      const refused = `select from outbox where job = 'export-project' and error like '%has no room left%'`
      await eventually(async () => (await rowsOf(site, refused)).length > 0, DRAIN_MS)
      await disk.free()
    })
  await phase('scheduler killed at the slot', () => processes.killSchedulerAtSlot())
  await phase(`mail server away for ${SMTP_SECONDS} s`, async () => {
    mailSwitch.set(false)
    await sleep(SMTP_SECONDS * 1000)
    mailSwitch.set(true)
  })
  await load.stop()
  console.log('  the load has ended; what is left of it is done')
  const isDone = await eventually(async () => {
    const [left] = await rowsOf<{ n: number }>(
      site,
      'select count(*)::int as n from outbox where done is null and failed is null',
    )
    return left?.n === 0
  }, DRAIN_MS).catch(() => false)
  if (!isDone) console.table(await rowsOf(site, LEFT))
  await processes.stop()
  const broken = await brokenExports(site, disk)
  const received = smtp.received.map(({ messageId }) => messageId)
  await report({ site, load, phases, received, isDone, broken })
}

async function untilExporting(site: TestApp): Promise<void> {
  await eventually(async () => {
    const running = await rowsOf(site, "select id from project_export where state = 'running'")
    return running.length > 0
    // What a wiped Redis held is handed out again a minute later.
  }, 120_000)
}

/** How many exports are said to be done and have no file, or not all of it. */
async function brokenExports(site: TestApp, disk: SmallDisk | undefined): Promise<number> {
  const done = await rowsOf<{ key: string; bytes: number }>(
    site,
    `select file_key as key, bytes::int from project_export where state = 'done'`,
  )
  const sizes = await disk?.sizes()
  return sizes ? done.filter(({ key, bytes }) => sizes.get(key) !== bytes).length : 0
}

/** A project whose export takes a while, so that a worker can be killed in the middle of it. */
async function largeProject(site: TestApp, owner: TestUser): Promise<BuiltProject> {
  const built = await publishedProject(site, owner, { tasks: 200, redundancy: 400 })
  for (let batch = 0; batch < 10; batch += 1) {
    await rowsOf(
      site,
      `with people as (
         insert into contributor (kind, device_id) select 'device', gen_random_uuid() from generate_series(1, 40)
         returning id)
       insert into task_run (project_id, task_id, contributor_id, created, info, counted)
       select t.project_id, t.id, p.id, now(), jsonb_build_object('answer', 'Yes', 'by', p.id), true
         from task t, people p where t.project_id = $1`,
      [built.id],
    )
  }
  return built
}

/** The test's application ends before its servers do. */
function lastFirst() {
  const own: (() => unknown)[] = []
  return {
    after: (end: () => unknown) => void own.push(end),
    async end() {
      for (const end of own.splice(0)) await end()
    },
  }
}

/** @param disk where workers keep files. */
function startProcesses(env: NodeJS.ProcessEnv, disk: SmallDisk | undefined) {
  const worker = 'src/bin/worker.ts'
  const start = (script: string) =>
    startProgram(script, [], env, process.cwd(), script === worker ? disk?.within : [])
  const web = start('src/bin/web.ts')
  const workers = [start(worker), start(worker)]
  const schedulers = [start('test/drills/drill-scheduler.ts'), start('test/drills/drill-scheduler.ts')]
  const all = () => [web, ...workers, ...schedulers]
  ending.after(() => Promise.all(all().map(endOf)))

  async function replace(list: StartedProgram[], index: number, script: string): Promise<void> {
    list[index]?.child.kill('SIGKILL')
    await list[index]?.ends()
    list[index] = start(script)
  }

  return {
    output: () =>
      all()
        .map((one) => one.output())
        .join('\n'),
    /** Kills one of the workers while both of them are at exports, or one is: then it may be the other. */
    async killWorkerInExport(site: TestApp): Promise<void> {
      await untilExporting(site)
      await replace(workers, 0, worker)
    },
    async killWorkersMidMail(): Promise<void> {
      await Promise.all(workers.map((_, index) => replace(workers, index, worker)))
    },
    async killSchedulerAtSlot(): Promise<void> {
      for (let index = 0; index < schedulers.length; index += 1) {
        const slot = SLOT_SECONDS * 1000
        await sleep(slot - (Date.now() % slot))
        await replace(schedulers, index, 'test/drills/drill-scheduler.ts')
        await schedulers[index]?.prints('fires slots')
        await sleep(STEADY_MS)
      }
    },
    async stop(): Promise<void> {
      await Promise.all(all().map(endOf))
    },
  }
}

async function endOf({ child }: StartedProgram): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

interface Outcome {
  readonly site: TestApp
  readonly load: Load
  readonly phases: readonly Phase[]
  /** The Message-ID of every mail that arrived. */
  readonly received: readonly string[]
  readonly isDone: boolean
  /** Exports that are said to be done and are not whole. */
  readonly broken: number
}

interface Row {
  readonly name: string
  readonly requests: number
  readonly serverErrors: number
  readonly slowestMs: number
  readonly gapSeconds: number
  readonly jobsLost: number
  readonly mailsLost: number
  readonly mailsRepeated: number
  readonly slots: number
  readonly slotsMissed: number
  readonly slotsTwice: number
}

async function report(outcome: Outcome): Promise<void> {
  const rows: Row[] = []
  for (const phase of outcome.phases) rows.push(await rowOf(outcome, phase))
  console.log('')
  console.table(Object.fromEntries(rows.map(({ name, ...rest }) => [name, rest])))
  const most = (pick: (row: Row) => number, among: readonly Row[] = rows) => Math.max(0, ...among.map(pick))
  const lines: Line[] = []
  for (const row of rows.filter(({ name }) => /^master|failover|wiped/.test(name)))
    lines.push(
      judged(`${row.name}: gap of jobs / ${GAP_SECONDS} s`, row.gapSeconds / GAP_SECONDS, { max: 1 }),
    )
  lines.push(
    judged(
      'most answers of 5xx, or none, in a phase',
      most((row) => row.serverErrors),
      { max: 0 },
    ),
    judged(
      'most jobs lost',
      most((row) => row.jobsLost),
      { max: 0 },
    ),
    judged(
      'most mails lost',
      most((row) => row.mailsLost),
      { max: 0 },
    ),
    judged('mails repeated / killed workers', repeatsPerKill(outcome.phases, rows), { max: 1 }),
    judged(
      'most slots missed',
      most((row) => row.slotsMissed),
      { max: 0 },
    ),
    judged(
      'most slots fired twice',
      most((row) => row.slotsTwice),
      { max: 0 },
    ),
    judged('exports said to be done whose file is not whole', outcome.broken, { max: 0 }),
    judged('everything done at the end (0 for yes)', outcome.isDone ? 0 : 1, { max: 0 }),
  )
  printLines('Redis lost and found', lines)
  if (lines.some(({ holds }) => holds === false)) process.exitCode = 1
}

/** Over all phases, since a mail may have been written before the one in which it was repeated. */
function repeatsPerKill(phases: readonly Phase[], rows: readonly Row[]): number {
  const repeated = rows.reduce((sum, { mailsRepeated }) => sum + mailsRepeated, 0)
  const killed = phases.reduce((sum, { killedWorkers }) => sum + killedWorkers, 0)
  return repeated / Math.max(1, killed)
}

async function rowOf({ site, load, received }: Outcome, { name, from, until }: Phase): Promise<Row> {
  const asked = load.asked.filter(({ at }) => at >= from.getTime() && at < until.getTime())
  const within = [from.toISOString(), until.toISOString()]
  const [jobs] = await rowsOf<{ gap: number; lost: number }>(
    site,
    `select coalesce(max(extract(epoch from done - before)), 0)::float as gap,
            (select count(*)::int from outbox where created between $1 and $2 and done is null) as lost
       from (select done, lag(done) over (order by done) as before from outbox where done is not null) gaps
      where done >= $1 and before <= $2`,
    within,
  )
  const mails = await rowsOf<{ id: number }>(
    site,
    'select id from mail where created between $1 and $2',
    within,
  )
  const arrivals = Map.groupBy(received, (messageId) => Number(/<mail-(\d+)-/.exec(messageId)?.[1]))
  const times = mails.map(({ id }) => arrivals.get(id)?.length ?? 0)
  const slots = await rowsOf<{ slot: string; fired: number }>(
    site,
    `select s.slot, (select count(*)::int from outbox o where o.job = 'site-statistics'
                        and o.once = 'site-statistics-' || to_char(s.slot, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) as fired
       from schedule_slot s where s.task = 'site-statistics' and s.slot between $1 and $2`,
    within,
  )
  const slotMs = SLOT_SECONDS * 1000
  const wanted = Math.floor(until.getTime() / slotMs) - Math.floor(from.getTime() / slotMs)
  return {
    name,
    requests: asked.length,
    serverErrors: asked.filter(({ status }) => status === undefined || status >= 500).length,
    slowestMs: Math.round(Math.max(0, ...asked.map(({ milliseconds }) => milliseconds))),
    gapSeconds: Math.round((jobs?.gap ?? 0) * 100) / 100,
    jobsLost: jobs?.lost ?? 0,
    mailsLost: times.filter((count) => count === 0).length,
    mailsRepeated: times.filter((count) => count > 1).length,
    slots: slots.length,
    slotsMissed: Math.max(0, wanted - slots.length),
    slotsTwice: slots.filter(({ fired }) => fired !== 1).length,
  }
}
