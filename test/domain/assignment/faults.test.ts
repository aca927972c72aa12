import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { sweepLeases } from '../../../src/domain/assignment/assignment-service.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp, TestUser } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import type { BuiltProject } from '../../support/builders.ts'
import { crowdOf } from '../../support/crowd.ts'
import type { Crowd } from '../../support/crowd.ts'
import { startFaultyProxy } from '../../support/faulty-proxy.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { History } from '../../support/history.ts'
import { eventually } from '../../support/jobs.ts'
import { startOwnPostgres } from '../../support/own-postgres.ts'
import type { OwnPostgres } from '../../support/own-postgres.ts'
import { startPgBouncer } from '../../support/pgbouncer.ts'
import type { Ending } from '../../support/servers.ts'
import { freePort, startProgram } from '../../support/started-site.ts'

const NIGHTLY = Boolean(process.env['NIGHTLY'])
const ANSWERS = Number(process.env['ANSWERS'] ?? (NIGHTLY ? 100_000 : 3_000))
const ANSWERS_AMID_CRASHES = NIGHTLY ? 10_000 : 300
const CRASHES = NIGHTLY ? 12 : 2
const REDUNDANCY = 3
const PEOPLE = 32
/** Of requests, and again of replies. */
const LOST = 0.2
const TIMEOUT_MS = NIGHTLY ? 3_600_000 : 200_000
/** One file for each drill, for elle-cli (docs/assignment.md). */
const HISTORIES = process.env['HISTORIES'] ?? join(tmpdir(), 'manyhands-histories')

const ending = untilFileEnds()
let postgres: OwnPostgres
let site: TestApp
let owner: TestUser
let web: Web

before(async () => {
  let stop = () => Promise.resolve()
  ending.after(() => stop())
  const endings: (() => unknown)[] = []
  stop = async () => {
    for (const end of endings.reverse()) await end()
  }
  const lastFirst = { after: (end: () => unknown) => endings.push(end) }
  postgres = await startOwnPostgres(lastFirst)
  site = await startTestApp(lastFirst, {
    DATABASE_WRITE_URL: postgres.url('app_rw'),
    DATABASE_READ_URL: postgres.url('app_rw'),
    DATABASE_DIRECT_URL: postgres.url('migrator'),
    LOG_LEVEL: 'silent',
  })
  owner = await site.user()
  web = await startWeb(lastFirst)
})

interface Drill {
  name: string
  answers: number
  through: Web
  /** What goes wrong besides the network, CRASHES times. */
  strike?: () => Promise<void> | void
}

/** A web process that can be killed and comes back at once. */
interface Web {
  readonly port: number
  kill(): void
}

async function startWeb(t: Ending, settings: Record<string, string> = {}): Promise<Web> {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const env = { ...site.env, PORT: String(port), SITE_URL: url, ...settings }
  const start = () => startProgram('src/bin/web.ts', [], env)
  let running = start()
  t.after(async () => {
    if (running.child.exitCode === null && running.child.kill('SIGTERM')) await once(running.child, 'exit')
  })
  await eventually(() =>
    fetch(`${url}/readyz`).then(
      () => true,
      () => undefined,
    ),
  )
  return {
    port,
    kill() {
      running.child.kill('SIGKILL')
      running = start()
    },
  }
}

async function run(t: TestContext, { name, answers, through, strike }: Drill): Promise<void> {
  const tasks = Math.ceil(answers / REDUNDANCY)
  const project = await publishedProject(site, owner, { tasks, redundancy: REDUNDANCY })
  const proxy = await startFaultyProxy(t, through.port, LOST)
  const { text: token } = await site.http
    .get(`/api/auth/project/${project.shortName}/token`)
    .set('Authorization', project.secretKey)
    .expect(200)
  const history = new History()
  const crowd = crowdOf(proxy.url, project, token, history)
  t.after(() => crowd.end())
  const reader = await startReader(t, project, history)

  const answering = { isOver: false }
  async function strikes(): Promise<void> {
    for (let n = 1; strike && n <= CRASHES; n += 1) {
      while (crowd.acknowledged.size < (n * answers) / (CRASHES + 1)) {
        if (answering.isOver) return
        await sleep(10)
      }
      await strike()
    }
  }
  async function answer(): Promise<void> {
    try {
      await crowd.answerAll(PEOPLE)
    } finally {
      answering.isOver = true
    }
  }
  const began = performance.now()
  await Promise.all([answer(), strikes(), reader.readOn(() => answering.isOver)])
  await finish(project, crowd)
  const seconds = (performance.now() - began) / 1000
  await reader.readAll()

  mkdirSync(HISTORIES, { recursive: true })
  const file = join(HISTORIES, `${name}.json`)
  history.save(file)
  t.diagnostic(
    `${crowd.acknowledged.size} answers acknowledged in ${seconds.toFixed(1)} s, ${crowd.unknown.length} unknown, ` +
      `${crowd.refused.length} refused; ${proxy.lost.requests} requests and ${proxy.lost.replies} replies lost, ` +
      `${crowd.unanswered.broken} broken, by status ${JSON.stringify([...crowd.unanswered.statuses])}; ${file}`,
  )
  assert.ok(proxy.lost.requests > answers / 20 && proxy.lost.replies > answers / 20)
  assert.deepEqual(history.problems(), [])
  await assertNothingLostNorDouble(project, crowd)
}

/** Those who went away still hold places: their leases run out, and somebody else gets what they left. */
async function finish(project: BuiltProject, crowd: Crowd): Promise<void> {
  for (let round = 0; round < 20; round += 1) {
    await rowsOf(
      site,
      `update lease set expires = now() - interval '1 second' where project_id = $1 and holds_place`,
      [project.id],
    )
    while ((await sweepLeases(site.app.database.open({ writes: true }))) > 0);
    const open = await rowsOf(
      site,
      'select from task_sched where project_id = $1 and done_by is null limit 1',
      [project.id],
    )
    if (open.length === 0) return
    await crowd.answerAll(REDUNDANCY)
  }
}

interface StoredRun {
  id: number
  taskId: number
  by: string
  number: number
}

async function assertNothingLostNorDouble(project: BuiltProject, crowd: Crowd): Promise<void> {
  const stored = await rowsOf<StoredRun>(
    site,
    `select r.id, r.task_id as "taskId", c.external_uid as by, (r.info ->> 'number')::int as number
       from task_run r join contributor c on c.id = r.contributor_id where r.project_id = $1`,
    [project.id],
  )
  const byId = new Map(stored.map((one) => [one.id, one]))
  for (const [id, { taskId, uid, number }] of crowd.acknowledged) {
    assert.deepEqual(byId.get(id), { id, taskId, by: uid, number }, 'an acknowledged answer is lost')
  }
  const unknown = new Set(crowd.unknown.map(({ number }) => number))
  const unexpected = stored.filter(({ id, number }) => !crowd.acknowledged.has(id) && !unknown.has(number))
  assert.deepEqual(unexpected, [], 'stored without having been acknowledged to somebody who waited')
  assert.equal(new Set(stored.map(({ number }) => number)).size, stored.length, 'an answer is stored twice')
  assert.equal(new Set(stored.map(({ taskId, by }) => `${taskId} ${by}`)).size, stored.length)

  const wrong = await rowsOf(
    site,
    // Each table is read once: looking each task's results up would read all of them for each task.
    `with r as (
       select task_id, count(*) filter (where counted) as counted, count(*) filter (where not counted) as extra
         from task_run where project_id = $1 and withdrawn is null group by 1),
     x as (select task_id, count(*) as results from result where project_id = $1 group by 1),
     l as (select task_id, count(*) as places from lease where project_id = $1 and holds_place group by 1)
     select s.*, counted, extra, results, places
       from task_sched s join task t on t.id = s.task_id
       left join r using (task_id) left join x using (task_id) left join l using (task_id)
      where s.project_id = $1
        and (s.open or s.done_by is null or t.state <> 'completed' or places is not null
             or (s.n_runs, s.n_taken, s.n_extra, counted, results) is distinct from (counted, counted, extra, $2, 1))`,
    [project.id, REDUNDANCY],
  )
  assert.deepEqual(wrong, [], 'counters and rows differ')
  const [events] = await rowsOf<{ tasks: number; events: number }>(
    site,
    `select count(distinct payload ->> 'taskId')::int as tasks, count(*)::int as events from outbox
      where job = 'note-task-completed' and (payload ->> 'projectId')::bigint = $1`,
    [project.id],
  )
  assert.deepEqual(events, { tasks: project.taskIds.length, events: project.taskIds.length })
}

/** Somebody who looks at a few tasks now and then, past the site: what is there must be what was answered. */
async function startReader(t: TestContext, { taskIds }: BuiltProject, history: History) {
  const pool = new pg.Pool({ connectionString: postgres.url('app_rw'), max: 1 })
  pool.on('error', () => undefined)
  t.after(() => pool.end())

  async function read(ids: readonly number[]): Promise<void> {
    const asked = ids.map((id): ['r', number, null] => ['r', id, null])
    history.add(0, 'invoke', asked)
    try {
      // Of one task, runs commit one after the other: each waits for the row of its task_sched.
      const { rows } = await pool.query<{ id: string; numbers: number[] }>(
        `select i.id, (select coalesce(array_agg((r.info ->> 'number')::int order by pg_xact_commit_timestamp(r.xid::xid)), '{}')
                         from task_run r where r.task_id = i.id and r.withdrawn is null) as numbers
           from unnest($1::bigint[]) i(id)`,
        [ids],
      )
      const found = new Map(rows.map(({ id, numbers }) => [Number(id), numbers]))
      history.add(
        0,
        'ok',
        ids.map((id) => ['r', id, found.get(id) ?? []]),
      )
    } catch {
      history.add(0, 'fail', asked)
      await sleep(100)
    }
  }

  return {
    async readOn(isOver: () => boolean) {
      for (let n = 0; !isOver(); n += 1) {
        await read([0, 1, 2, 3].map((step) => taskIds[(n * 4 + step) % taskIds.length] ?? 0))
        await sleep(20)
      }
    },
    async readAll() {
      for (let n = 0; n < taskIds.length; n += 100) await read(taskIds.slice(n, n + 100))
    },
  }
}

test(
  `${ANSWERS} answers over a network that loses every fifth request and every fifth reply: none lost, none double`,
  { timeout: TIMEOUT_MS },
  (t) => run(t, { name: 'network', answers: ANSWERS, through: web }),
)

test('the same while the web process is killed', { timeout: TIMEOUT_MS }, (t) =>
  run(t, {
    name: 'web-killed',
    answers: ANSWERS_AMID_CRASHES,
    through: web,
    strike: () => {
      web.kill()
    },
  }),
)

test('the same while PostgreSQL crashes', { timeout: TIMEOUT_MS }, (t) =>
  run(t, {
    name: 'postgres-crashed',
    answers: ANSWERS_AMID_CRASHES,
    through: web,
    strike: () => postgres.crash(),
  }),
)

test('the same while the pooler drops all connections', { timeout: TIMEOUT_MS }, async (t) => {
  const endings: (() => unknown)[] = []
  t.after(async () => {
    for (const end of endings.reverse()) await end()
  })
  const lastFirst = { after: (end: () => unknown) => endings.push(end) }
  const pooler = await startPgBouncer(lastFirst, postgres)
  await run(t, {
    name: 'pooler-dropped',
    answers: ANSWERS_AMID_CRASHES,
    through: await startWeb(lastFirst, {
      DATABASE_WRITE_URL: pooler.url('app_rw'),
      DATABASE_READ_URL: pooler.url('app_ro'),
    }),
    strike: async () => {
      await pooler.kill()
      await pooler.start()
    },
  })
})
