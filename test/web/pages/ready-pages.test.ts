import assert from 'node:assert/strict'
import { test } from 'node:test'
import supertest from 'supertest'
import { jobs } from '../../../jobs/index.ts'
import { createTotalFolder } from '../../../src/domain/totals/total-service.ts'
import { createApp } from '../../../src/platform/app.ts'
import type { App } from '../../../src/platform/app.ts'
import { loadConfig } from '../../../src/platform/config.ts'
import { createServer } from '../../../src/web/server.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, externalContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually } from '../../support/jobs.ts'
import { startRedisGroup } from '../../support/sentinels.ts'
import { waitForReplica } from '../../support/servers.ts'

const end = untilFileEnds()
const site = await startTestApp(end)
const owner = await site.user()
const member = await site.user()

/** How often either pool is used while something is done. */
async function queriesOf(app: App, work: () => Promise<unknown>): Promise<number> {
  let queries = 0
  const count = () => (queries += 1)
  const pools = Object.values(app.database.pools)
  for (const pool of pools) pool.on('acquire', count)
  await work()
  for (const pool of pools) pool.off('acquire', count)
  return queries
}

test('pages from a warm cache ask the database nothing, for visitors and for people who are signed in', async () => {
  const { shortName } = await publishedProject(site, owner)
  for (const path of ['/', '/project/', `/project/${shortName}/`]) {
    const cold = await site.http.get(path).expect(200, new RegExp(shortName))
    assert.match(cold.text, /<title>[^<]+<\/title>[\s\S]*Sign in/)
    await member.http.get(path).expect(200)
    const queries = await queriesOf(site.app, async () => {
      const warm = await site.http.get(path).expect(200)
      assert.equal(warm.text, cold.text)
      assert.match(String(warm.headers['cache-control']), /^public/)
      const json = await site.http.get(path).query({ response_format: 'json' }).expect(200)
      assert.ok(JSON.stringify(json.body).includes(shortName))
      const own = await member.http.get(path).expect(200, new RegExp(shortName))
      assert.match(own.text, /Sign out/)
      assert.match(String(own.headers['cache-control']), /^private/)
    })
    assert.equal(queries, 0, path)
  }
})

test('a cold page that a hundred people ask for at once, in two processes, is made once', async () => {
  const { shortName } = await publishedProject(site, owner)
  const other = await createApp(loadConfig({ ...site.env }), 'other', jobs)
  end.after(() => other.close())
  const server = await createServer(other)
  const [one, two] = [site.http, supertest(server.callback)]
  // Both processes have served a page before: what a first one costs a machine with other things to do is no fault.
  const [first, alone] = [await publishedProject(site, owner), await publishedProject(site, owner)]
  await two.get(`/project/${first.shortName}/`).expect(200)
  const queriesOfOne = await queriesOf(site.app, () => one.get(`/project/${alone.shortName}/`).expect(200))
  const madeIn = (app: App) => app.memory.lookups.get('page-project')?.made ?? 0
  const before = madeIn(site.app) + madeIn(other)
  const path = `/project/${shortName}/`
  let queriesThere = 0
  const queriesHere = await queriesOf(site.app, async () => {
    queriesThere = await queriesOf(other, () =>
      Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          (n % 2 === 0 ? one : two).get(path).expect(200, /Built built-/),
        ),
      ),
    )
  })
  assert.equal(madeIn(site.app) + madeIn(other) - before, 1)
  assert.equal(queriesHere + queriesThere, queriesOfOne)
})

test('what an owner changes is shown to everybody by the next request, on every page', async () => {
  const { shortName } = await publishedProject(site, owner)
  const paths = [`/project/${shortName}/`, '/project/', '/']
  for (const path of paths) await site.http.get(path).expect(200)
  await owner.http
    .post(`/project/${shortName}/update`)
    .type('form')
    .send({ name: `Other ${shortName}`, description: 'Something else.', longDescription: '' })
    .expect(302)
  for (const path of paths) await site.http.get(path).expect(200, new RegExp(`Other ${shortName}`))
})

test('a person’s new name, and their wish for privacy, are shown by the next request, on every page', async () => {
  const named = await site.user()
  const { id, shortName } = await publishedProject(site, named)
  await rowsOf(site, 'update user_account set privacy_mode = false where id = $1', [named.id])
  await rowsOf(
    site,
    `with c as (insert into contributor (kind, user_id) values ('user', $2) returning id),
          a as (insert into activity (project_id, hour, contributor_id, n_runs)
                select $1, date_trunc('hour', now()), id, 3 from c)
     insert into leader (period, rank, user_id, n_runs) values ('all', 1, $2, 3), ('day', 1, $2, 3)`,
    [id, named.id],
  )
  await rowsOf(site, 'insert into project_counted values ($1, now())', [id])
  await waitForReplica()
  const paths = [`/project/${shortName}/`, `/project/${shortName}/stats`, '/stats/', '/leaderboard/']
  const put = async (changes: object) =>
    site.http.put(`/api/user/${named.id}`).query({ api_key: named.apiKey }).send(changes).expect(200)
  for (const path of paths) await site.http.get(path).expect(200, new RegExp(named.name))
  await put({ fullname: 'Grace Hopper' })
  for (const path of paths) await site.http.get(path).expect(200, /Grace Hopper/)
  // What nobody noted shows that the pages are kept of who sends what is there already.
  await rowsOf(site, `update user_account set full_name = 'Not Noted' where id = $1`, [named.id])
  await waitForReplica()
  await put({ name: named.name, privacy_mode: false })
  for (const path of paths) await site.http.get(path).expect(200, /Grace Hopper/)
  // Of a project its owner is always named.
  const [, ...shownToAll] = paths
  await put({ privacy_mode: true })
  for (const path of shownToAll) {
    const { text } = await site.http.get(path).expect(200)
    assert.doesNotMatch(text, /Grace Hopper|Not Noted/, path)
  }
})

test('a renamed address leads nowhere at once, and a deleted project too', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  await site.http.get(`/project/${shortName}/`).expect(200)
  const put = { short_name: `${shortName}-new` }
  await site.http.put(`/api/project/${id}`).query({ api_key: owner.apiKey }).send(put).expect(200)
  await site.http.get(`/project/${shortName}/`).expect(404)
  await site.http.get(`/project/${shortName}-new/`).expect(200)
  await site.http.delete(`/api/project/${id}`).query({ api_key: owner.apiKey }).expect(204)
  await site.http.get(`/project/${shortName}-new/`).expect(404)
})

test('nothing that only owners see gets into what others are shown', async () => {
  const { shortName } = await publishedProject(site, owner)
  const path = `/project/${shortName}/`
  await owner.http.get(path).expect(200, /href="[^"]*\/tasks\/"/)
  for (const http of [site.http, member.http]) {
    const { text } = await http.get(path).expect(200)
    assert.doesNotMatch(text, /\/tasks\//)
  }
  await owner.http.get(path).expect(200, /href="[^"]*\/tasks\/"/)
  const draft = await draftProject(site, owner)
  await owner.http.get(`/project/${draft.shortName}/`).expect(200)
  await site.http.get(`/project/${draft.shortName}/`).expect(302)
  await member.http.get(`/project/${draft.shortName}/`).expect(403)
  for (const page of ['/', '/project/']) {
    const { text } = await site.http.get(page).expect(200)
    assert.ok(!text.includes(draft.shortName))
  }
})

test('answers show once they are added up, for a busy project at most every quarter of a minute', async () => {
  const project = await publishedProject(site, owner, { tasks: 4 })
  const path = `/project/${project.shortName}/`
  const shown = async () => /<strong>(\d+)<\/strong> answer/.exec((await site.http.get(path)).text)?.[1]
  const person = await externalContributor(site, project)
  const answerOne = async () => {
    const { id } = (await person.newTask().expect(200)).body as { id: number }
    await person.submit(id).expect(200)
  }
  assert.equal(await shown(), '0')
  const folder = createTotalFolder(site.app)
  await answerOne()
  assert.equal(await shown(), '0')
  await folder.fold()
  assert.equal(await shown(), '1')
  await answerOne()
  await folder.fold()
  assert.equal(await shown(), '1', 'it was told of a moment ago')
  const quicker = createTotalFolder(site.app, 200)
  await answerOne()
  await quicker.fold()
  assert.equal(await shown(), '3')
  await answerOne()
  await quicker.fold()
  await eventually(async () => {
    await quicker.fold()
    return (await shown()) === '4'
  })
})

test('while the cache has no master, figures and leaderboards are shown from its replica, with their age', async (t) => {
  const group = await startRedisGroup()
  const reads = { REDIS_CACHE_READ_URL: `redis://127.0.0.1:${group.replicaPort}` }
  const there = await startTestApp(t, { ...group.cache, ...reads, LOG_LEVEL: 'silent' })
  t.after(() => group.end())
  const someone = await there.user()
  const { shortName } = await publishedProject(there, someone)
  await rowsOf(
    there,
    `insert into leader (period, rank, user_id, n_runs, ranked) values ('all', 1, $1, 9, '2026-01-02T03:04:00Z')`,
    [someone.id],
  )
  await waitForReplica()
  const paths = [`/project/${shortName}/`, '/leaderboard/', '/stats/', `/project/${shortName}/stats`]
  const before = new Map<string, string>()
  for (const path of paths) before.set(path, (await there.http.get(path).expect(200)).text)
  for (const path of paths.slice(0, 3)) assert.match(before.get(path) ?? '', /As of \w+ \d+, 20\d\d/)
  assert.match(before.get('/leaderboard/') ?? '', /As of Jan 2, 2026/)
  const { prefix } = there.app.config.redis
  await eventually(async () => {
    const kept = await there.app.cache.look((redis) => redis.keys(`${prefix}:page-*`))
    return (kept ?? []).filter((key) => !key.includes(':making:')).length >= paths.length
  })

  await group.killMaster()
  const queries = await queriesOf(there.app, async () => {
    for (const path of paths)
      assert.equal((await there.http.get(path).expect(200)).text, before.get(path), path)
  })
  assert.equal(queries, 0)
  const json = await there.http.get('/leaderboard/').query({ response_format: 'json' }).expect(200)
  assert.match((json.body as { asOf: string }).asOf, /^2026-01-02T03:04:00/)
})

test('whoever works on templates sees them as they are', async (t) => {
  const watched = await startTestApp(t, { TEMPLATES_WATCH: 'on' })
  const someone = await watched.user()
  const { shortName } = await publishedProject(watched, someone)
  await watched.http.get(`/project/${shortName}/`).expect(200)
  assert.ok((await queriesOf(watched.app, () => watched.http.get(`/project/${shortName}/`).expect(200))) > 0)
})
