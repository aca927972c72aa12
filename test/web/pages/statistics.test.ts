import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { countNewActivity, rankEverybody } from '../../../src/domain/statistics/activity-service.ts'
import { createTotalFolder } from '../../../src/domain/totals/total-service.ts'
import { fireSlot } from '../../../src/platform/schedule.ts'
import type { JobName } from '../../../src/platform/queue.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import {
  draftProject,
  externalContributor,
  keyContributor,
  publishedProject,
  rowsOf,
} from '../../support/builders.ts'
import type { ApiContributor, BuiltProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually, work } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'

const end = untilFileEnds()
const site = await startTestApp(end)
const owner = await site.user()
work(site)

/** Lets a job run as its schedule would. */
async function run(...names: JobName[]): Promise<void> {
  await createTotalFolder(site.app).fold()
  for (const name of names) {
    await fireSlot(site.app, name, new Date(Date.now() + Math.random() * 1e9).toISOString())
    await eventually(async () => {
      const open = await rowsOf(site, 'select id from outbox where job = $1 and done is null', [name])
      return open.length === 0
    })
  }
  await waitForReplica()
}

async function answer(who: ApiContributor, times = 1): Promise<number> {
  let last = 0
  for (let n = 0; n < times; n += 1) {
    const task = (await who.newTask().expect(200)).body as { id: number }
    const stored = (await who.submit(task.id).expect(200)).body as { id: number }
    last = stored.id
  }
  return last
}

interface Day {
  day: string
  anonymous: number
  authenticated: number
  done: number
}
interface Graphs {
  days: Day[]
  contributors: Day[]
  hours: Day[]
  countedUntil: string | null
  averageSeconds: number
  top: Record<'authenticated' | 'anonymous', { name: string; nRuns: number }[]>
}

async function graphsOf({ shortName }: BuiltProject, user?: TestUser): Promise<Graphs> {
  const http = user?.http ?? site.http
  const response = await http
    .get(`/project/${shortName}/stats`)
    .query({ response_format: 'json' })
    .expect(200)
  return response.body as Graphs
}

/** Answers of all days without and with an account. */
function sumOf(days: Day[]): [number, number] {
  const sum = (name: 'anonymous' | 'authenticated') => days.reduce((all, day) => all + day[name], 0)
  return [sum('anonymous'), sum('authenticated')]
}

test('a project shows who answered, when, and how far it has come, as graphs with their numbers', async () => {
  const project = await publishedProject(site, owner, { tasks: 4, redundancy: 2 })
  const path = `/project/${project.shortName}/stats`
  await site.http.get(path).expect(200, /No statistics yet/)
  const [member, other] = [await site.user(), await site.user()]
  await answer(keyContributor(site, project, member), 3)
  await answer(keyContributor(site, project, other))
  await answer(await externalContributor(site, project), 2)
  await run('project-statistics')

  const graphs = await graphsOf(project)
  assert.equal(graphs.days.length, 14)
  assert.equal(graphs.days.at(-1)?.day, new Date().toISOString().slice(0, 10))
  assert.deepEqual(sumOf(graphs.days), [2, 4])
  assert.deepEqual(sumOf(graphs.contributors), [1, 2])
  assert.deepEqual(sumOf(graphs.hours), [2, 4])
  assert.equal(graphs.hours.length, 24)
  assert.equal(graphs.days.at(-1)?.done, 3)
  assert.equal(graphs.days.at(-2)?.done, 0)
  assert.deepEqual(graphs.top, {
    authenticated: [
      { name: member.name, nRuns: 3 },
      { name: other.name, nRuns: 1 },
    ],
    anonymous: [{ name: '–', nRuns: 2 }],
  })
  const { text } = await site.http.get(path).expect(200)
  assert.match(text, /<svg[\s\S]*<rect class="chart-1"[\s\S]*<table>/)
  assert.match(text, /<title>[\d-]+: 4 with an account, 2 without an account<\/title>/)
})

test('what was counted is final after an hour; an answer that is taken back or late is counted right', async () => {
  const project = await publishedProject(site, owner, { tasks: 5 })
  const person = await externalContributor(site, project)
  await answer(person, 2)
  const late = await answer(person)
  await rowsOf(site, "update task_run set finish_time = now() - interval '5 hours' where id = $1", [late])
  await run('project-statistics')
  assert.deepEqual(sumOf((await graphsOf(project)).days), [3, 0])

  const last = await answer(person)
  await rowsOf(site, 'update task_run set withdrawn = now() where id = $1', [last])
  // What lies further back than anything may change is not read again, or this would be missed.
  await rowsOf(site, 'delete from task_run where id = $1', [late])
  await answer(person)
  await run('project-statistics')
  assert.deepEqual(sumOf((await graphsOf(project)).days), [4, 0])

  await rowsOf(
    site,
    "update project_total set last_activity = now() - interval '3 hours' where project_id = $1",
    [project.id],
  )
  const counted = () =>
    rowsOf<{ until: string }>(
      site,
      'select counted_until as until from project_counted where project_id = $1',
      [project.id],
    )
  const before = await counted()
  await run('project-statistics')
  assert.deepEqual(await counted(), before, 'nothing new: not looked at')
})

test('very many answers that were never counted are counted some hours at a time', async () => {
  const project = await publishedProject(site, owner, { tasks: 6 })
  const person = await externalContributor(site, project)
  await answer(person, 6)
  await rowsOf(
    site,
    `update task_run r set finish_time = now() - o.n * interval '3 hours'
       from (select id, row_number() over (order by id) as n from task_run where project_id = $1) o where o.id = r.id`,
    [project.id],
  )
  await createTotalFolder(site.app).fold()
  const openDb = () => site.app.database.open({ writes: true })
  const day = async () => sumOf((await graphsOf(project)).days)
  // There is no time for a second step.
  const stopping = new AbortController()
  let opened = 0
  const untilSecond = () => {
    opened += 1
    if (opened > 2) stopping.abort()
    return openDb()
  }
  await assert.rejects(countNewActivity(untilSecond, stopping.signal, 2))
  await waitForReplica()
  const [some] = await day()
  assert.ok(some > 0 && some < 6, `${some} are counted`)
  await countNewActivity(openDb, new AbortController().signal, 2)
  await waitForReplica()
  assert.deepEqual(await day(), [6, 0])
})

test('statistics of a draft are for its owners, and publishing forgets what was tried out', async () => {
  const draft = await draftProject(site, owner, { tasks: 2 })
  await answer(keyContributor(site, draft, owner))
  await run('project-statistics')
  assert.deepEqual(sumOf((await graphsOf(draft, owner)).days), [0, 1])
  await site.http.get(`/project/${draft.shortName}/stats`).expect(302)
  const stranger = await site.user()
  await stranger.http.get(`/project/${draft.shortName}/stats`).expect(403)
  await site.http.get('/project/no-such-project/stats').expect(404)
  await owner.http.post(`/project/${draft.shortName}/publish`).expect(302)
  await waitForReplica()
  assert.equal((await graphsOf(draft)).countedUntil, null)
})

test('the leaderboard ranks people by period, and tells a person their own place and neighbours', async () => {
  const project = await publishedProject(site, owner, { tasks: 30, redundancy: 40 })
  const [busy, shy] = [await site.user(), await site.user()]
  await rowsOf(site, "update user_account set privacy_mode = false, full_name = 'Ada Busy' where id = $1", [
    busy.id,
  ])
  await answer(keyContributor(site, project, busy), 20)
  await answer(keyContributor(site, project, shy), 19)
  await run('project-statistics', 'leaderboard')
  for (const period of ['all', 'day', 'week', 'month']) {
    const response = await site.http
      .get('/leaderboard/')
      .query({ period, response_format: 'json' })
      .expect(200)
    const { leaders } = response.body as { leaders: Record<string, unknown>[] }
    assert.deepEqual(leaders.slice(0, 2), [
      { rank: 1, name: 'Ada Busy', avatarUrl: null, nRuns: 20 },
      { rank: 2, name: shy.name, avatarUrl: null, nRuns: 19 },
    ])
  }
  await shy.http.get('/leaderboard/').expect(200, /You are number 2\.[\s\S]*<tr class="own"><td[^>]*>2</)
  const newcomer = await site.user()
  await newcomer.http.get('/leaderboard/?period=day').expect(200, /not among those ranked/)
  for (const path of ['/leaderboard/?period=year', '/leaderboard/window/11', '/leaderboard/window/x'])
    await site.http.get(path).expect(404)

  // Somebody far down, among twenty more.
  await rowsOf(
    site,
    `with people as (
       insert into user_account (name, full_name, email)
       select 'rank' || n, 'Rank ' || n, 'rank' || n || '@example.org' from generate_series(3, 30) n returning id, name)
     insert into leader (period, rank, user_id, n_runs)
     select 'all', 100 + substr(name, 5)::int, id, 2 from people`,
  )
  await rowsOf(site, "update leader set rank = 115 where period = 'all' and user_id = $1", [newcomer.id])
  await rowsOf(site, "delete from leader where period = 'all' and rank = 116")
  await rowsOf(site, "insert into leader values ('all', 116, $1, 2)", [newcomer.id])
  await site.app.memory.changed(['leaders'])
  await waitForReplica()
  const response = await newcomer.http
    .get('/leaderboard/window/2')
    .query({ response_format: 'json' })
    .expect(200)
  const { leaders, own } = response.body as { leaders: { rank: number }[]; own: { rank: number } }
  assert.equal(own.rank, 116)
  assert.deepEqual(
    leaders.slice(-5).map(({ rank }) => rank),
    [114, 115, 116, 117, 118],
  )
})

test('people are ranked by several workers at once, and each rank is there once', async () => {
  const rank = () => rankEverybody(site.app.database.open({ writes: true }))
  const ranks = () => rowsOf(site, 'select period, rank, user_id from leader order by period, rank')
  await rank()
  const once = await ranks()
  assert.ok(once.length > 0)
  await Promise.all(Array.from({ length: 12 }, rank))
  assert.deepEqual(await ranks(), once)
})

test('the site shows what it has, day by day, and who and what is busy', async () => {
  const project = await publishedProject(site, owner, { tasks: 60 })
  const person = await site.user(`s${randomUUID().slice(0, 8)}`)
  await answer(keyContributor(site, project, person), 25)
  await run('project-statistics', 'leaderboard', 'site-statistics')
  const response = await site.http.get('/stats/').query({ response_format: 'json' }).expect(200)
  const { days, noted, busyProjects, leaders, totals } = response.body as {
    days: Day[]
    noted: { published: number; taskRuns: number }[]
    busyProjects: { shortName: string; nRuns: number; url: string }[]
    leaders: { name: string }[]
    totals: { nTaskRuns: number }
  }
  assert.ok((days.at(-1)?.authenticated ?? 0) >= 25)
  assert.equal(noted.length, 1)
  assert.equal(noted[0]?.taskRuns, totals.nTaskRuns)
  assert.ok(busyProjects.some(({ shortName, nRuns }) => shortName === project.shortName && nRuns === 25))
  assert.ok(leaders.some(({ name }) => name === person.name))
  await site.http.get('/stats').expect(301)
  await site.http.get('/stats/').expect(200, /of the last 24 hours/)
})
