import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import pg from 'pg'
import supertest from 'supertest'
import { assertRefused, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import {
  addressContributor,
  draftProject,
  externalContributor,
  keyContributor,
  publishedProject,
  rowsOf,
} from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const owner = await site.user()
const stranger = await site.user()
const project = await publishedProject(site, owner, { tasks: 5, redundancy: 2 })
const draft = await draftProject(site, owner, { tasks: 2 })
const [firstTask = 0] = project.taskIds

async function list(noun: string, query: Record<string, string | number>, user?: TestUser): Promise<Body[]> {
  const request = site.http.get(`/api/${noun}`).query(query)
  return (await (user ? by(user, request) : request).expect(200)).body as Body[]
}

const idsOf = (rows: Body[]) => rows.map((row) => row['id'])

test('limit, offset, last_id, orderby and desc page through a list', async () => {
  const page = async (query: Record<string, string | number>) =>
    idsOf(await list('task', { project_id: project.id, ...query }))
  const all = project.taskIds
  assert.deepEqual(await page({}), all)
  assert.deepEqual(await page({ limit: 2 }), all.slice(0, 2))
  assert.deepEqual(await page({ limit: 2, offset: 2 }), all.slice(2, 4))
  assert.deepEqual(await page({ limit: 'many' }), all)
  const repeated = await site.http.get(`/api/task?project_id=${project.id}&limit=9&limit=1`).expect(200)
  assert.equal((repeated.body as Body[]).length, 1)
  assert.deepEqual(await page({ limit: 0 }), [])
  assert.deepEqual(await page({ last_id: all[1] ?? 0 }), all.slice(2))
  assert.deepEqual(await page({ last_id: all[1] ?? 0, offset: 5, desc: 'true' }), all.slice(2))
  assert.deepEqual(await page({ orderby: 'id', desc: 'true' }), all.toReversed())
  assert.deepEqual(await page({ orderby: 'created', desc: 'no' }), all)
  assert.equal((await list('task', { limit: 5_000, all: 1 })).length, 5)
})

test('every attribute filters, by equality', async () => {
  const found = async (query: Record<string, string | number>) => idsOf(await list('task', query))
  const [, , third = 0] = project.taskIds
  assert.deepEqual(await found({ id: third }), [third])
  assert.deepEqual(await found({ project_id: project.id, state: 'completed' }), [])
  assert.equal(
    (await found({ project_id: project.id, state: 'ongoing', n_answers: 2, priority_0: 0 })).length,
    5,
  )
  assert.deepEqual(await found({ project_id: project.id, info: '{"n":3}' }), [third])
  assert.deepEqual(await found({ project_id: project.id, info: 'word' }), [])
  assert.equal((await found({ project_id: `[${project.id}, 999999]` })).length, 5)
  assert.equal((await found({ project_id: 'none' })).length, 5)
  const [{ created } = {}] = await list('task', { id: third })
  assert.deepEqual(await found({ id: third, created: String(created) }), [third])
  assert.equal((await found({ project_id: project.id, created: String(created).slice(0, 10) })).length, 5)
  assert.deepEqual(idsOf(await list('project', { short_name: project.shortName })), [project.id])
  assert.deepEqual(idsOf(await list('project', { short_name: project.shortName, published: 'true' })), [
    project.id,
  ])
  assert.deepEqual(await list('project', { short_name: project.shortName, featured: 'true' }), [])
})

test('somebody signed in sees own projects unless all=1 asks for everybody’s, and drafts only of their own', async () => {
  const tasksOf = async (user: TestUser | undefined, query: Record<string, string | number> = {}) =>
    idsOf(await list('task', query, user))
  assert.deepEqual(await tasksOf(undefined), project.taskIds)
  assert.deepEqual(await tasksOf(stranger), [])
  assert.deepEqual(await tasksOf(stranger, { all: 1 }), project.taskIds)
  assert.deepEqual(await tasksOf(owner), [...project.taskIds, ...draft.taskIds])
  assert.deepEqual(await tasksOf(admin, { all: 1 }), [...project.taskIds, ...draft.taskIds])
})

test('unknown attributes and impossible values are refused', async () => {
  const cases: [string, number, string, RegExp?][] = [
    ['task?colour=red', 415, 'AttributeError', /^type object 'Task' has no attribute 'colour'$/],
    ['task?orderby=colour', 415, 'AttributeError'],
    ['task?desc=perhaps', 415, 'ValueError', /truth value 'perhaps'/],
    ['task?limit=-1', 415, 'DataError'],
    ['task?offset=-1', 415, 'DataError'],
    ['task?n_answers=many', 415, 'DataError', /many/],
    ['project?secret_key=x', 415, 'AttributeError'],
    ['taskrun?external_uid=%00', 415, 'DataError'],
  ]
  for (const [path, ...reason] of cases) await assertRefused(site.http.get(`/api/${path}`), reason)
})

test('names that every JavaScript object knows are no attributes', async () => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']) {
    for (const noun of ['project', 'task', 'taskrun', 'result', 'category']) {
      const refused = [415, 'AttributeError', new RegExp(`no attribute '${name}'$`)] as const
      await assertRefused(site.http.get(`/api/${noun}?${name}=1`), refused)
      await assertRefused(site.http.get(`/api/${noun}?orderby=${name}`), refused)
    }
  }
})

test('task runs, results and categories are listed and read with their links', async () => {
  const byKey = keyContributor(site, project, stranger)
  const byAddress = addressContributor(site, project)
  const bySite = await externalContributor(site, project, 'reader 1')
  const answers: Body[] = []
  for (const who of [byKey, byAddress, bySite]) {
    await who.newTask().expect(200)
    const taskId = who === bySite ? (project.taskIds[1] ?? 0) : firstTask
    answers.push((await who.submit(taskId).expect(200)).body as Body)
  }
  await waitForReplica()

  const runs = await list('taskrun', { project_id: project.id })
  assert.deepEqual(
    runs.map(({ link: _, links: __, ...run }) => run),
    answers,
  )
  assert.deepEqual(
    runs.map((run) => [run['task_id'], run['user_id'], run['external_uid'], run['user_ip'] === null]),
    [
      [firstTask, stranger.id, null, true],
      [firstTask, null, null, false],
      [project.taskIds[1], null, 'reader 1', true],
    ],
  )
  assert.equal((await list('taskrun', { task_id: firstTask })).length, 2)
  assert.equal((await list('taskrun', { external_uid: 'reader 1' })).length, 1)
  assert.equal((await list('taskrun', { user_id: stranger.id })).length, 1)
  const [run = {}] = runs
  const read = (await site.http.get(`/api/taskrun/${String(run['id'])}`).expect(200)).body as Body
  assert.deepEqual(read, run)
  assert.deepEqual(
    [read['link'], ...(read['links'] as string[])].map((link) =>
      /rel='(\w+)'.*\/api\/(\w+)\//.exec(String(link))?.slice(1),
    ),
    [
      ['self', 'taskrun'],
      ['parent', 'project'],
      ['parent', 'task'],
    ],
  )

  const [result = {}] = await list('result', { project_id: project.id })
  assert.deepEqual(result['task_run_ids'], idsOf(runs).slice(0, 2))
  assert.equal(result['last_version'], true)
  assert.deepEqual(await list('result', { project_id: project.id, last_version: 'false' }), [])
  const resultPath = `/api/result/${String(result['id'])}`
  assert.deepEqual((await site.http.get(resultPath).expect(200)).body, result)
  assert.deepEqual((await by(admin, site.http.get(resultPath)).expect(200)).body, result)

  const [category = {}] = await list('category', {})
  assert.deepEqual(
    (await site.http.get(`/api/category/${String(category['id'])}`).expect(200)).body,
    category,
  )
  for (const noun of ['taskrun', 'result', 'category', 'project', 'task']) {
    await assertRefused(site.http.get(`/api/${noun}/999999`), [404, 'NotFound', /^404 Not Found/])
  }
})

test('times have six decimals also where the last ones are zero', async () => {
  const { id, taskIds } = await publishedProject(site, owner)
  await rowsOf(site, `update task set created = '2026-01-02 03:04:05.18261+00' where project_id = $1`, [id])
  await rowsOf(site, `update project set created = '2026-01-02 03:04:05+00' where id = $1`, [id])
  await waitForReplica()
  const [project = {}] = await list('project', { id })
  const [task = {}] = await list('task', { project_id: id })
  assert.equal(project['created'], '2026-01-02T03:04:05.000000')
  assert.equal(task['created'], '2026-01-02T03:04:05.182610')
  assert.deepEqual(idsOf(await list('task', { created: '2026-01-02T03:04:05.182610' })), taskIds)
})

test('info is filtered by JSON or one word, and anything else is refused instead of finding nothing', async () => {
  const { id } = await publishedProject(site, owner, { tasks: 1 })
  for (const info of ['word', '9', 9, true, { n: 9, k: 'a::b' }, ['word']]) {
    await by(owner, site.http.post('/api/task')).send({ project_id: id, info }).expect(200)
  }
  await waitForReplica()
  const found = async (info: string) =>
    (await list('task', { project_id: id, info })).map((task) => task['info'])
  assert.deepEqual(await found('word'), ['word', ['word']])
  assert.deepEqual(await found('"word"'), ['word', ['word']])
  assert.deepEqual(await found('9'), ['9', 9])
  assert.deepEqual(await found('true'), [true])
  assert.deepEqual(await found('{"n": 9}'), [{ n: 9, k: 'a::b' }])
  assert.deepEqual(await found('{"k": "a::b"}'), [{ n: 9, k: 'a::b' }])
  assert.deepEqual(await found('other'), [])
  for (const info of ['{"n": 9', '[word]', '"word']) {
    const request = site.http.get('/api/task').query({ project_id: id, info })
    await assertRefused(request, [415, 'ValueError', /^info can be filtered by JSON/])
  }
})

test('info is filtered by pairs of key and value, all of which have to match as texts', async () => {
  const { id } = await publishedProject(site, owner, { tasks: 1 })
  const infos = [{ n: 9, k: 'a' }, { n: '9', k: 'b' }, { n: 9.5, t: true }, { n: { m: 1 } }, 'n', [{ n: 9 }]]
  for (const info of infos)
    await by(owner, site.http.post('/api/task')).send({ project_id: id, info }).expect(200)
  await waitForReplica()
  const found = async (info: string) =>
    (await list('task', { project_id: id, info })).map((task) =>
      infos.indexOf(infos.find((one) => isDeepStrictEqual(one, task['info'])) ?? ''),
    )
  assert.deepEqual(await found('n::9'), [0, 1])
  assert.deepEqual(await found('n::9|k::b'), [1])
  assert.deepEqual(await found('n::9.5'), [2])
  assert.deepEqual(await found('n::9.50'), [])
  assert.deepEqual(await found('t::true'), [2])
  assert.deepEqual(await found('n::{"m": 1}'), [3])
  assert.deepEqual(await found('n::'), [])
  for (const info of ['n::9|k', 'n::9::k', 'n::9|k::a::b']) {
    const request = site.http.get('/api/task').query({ project_id: id, info })
    await assertRefused(request, [415, 'ValueError', /^info is filtered by pairs/])
  }
})

test('a full-text search says where it matched, and the best match comes first', async () => {
  const { id } = await publishedProject(site, owner, { tasks: 1 })
  const texts = ['A gull that flew over all of the old harbour', 'A gull, a harbour', 'Boats at night']
  for (const place of texts)
    await by(owner, site.http.post('/api/task'))
      .send({ project_id: id, info: { place, n: 1 } })
      .expect(200)
  await waitForReplica()
  const found = (info: string) => list('task', { project_id: id, info, fulltextsearch: 1 })
  const [near = {}, far = {}, ...others] = await found('place::gull&harbour')
  assert.equal(near['headline'], 'A <b>gull</b>, a <b>harbour</b>')
  assert.equal(far['headline'], 'A <b>gull</b> that flew over all of the old <b>harbour</b>')
  assert.ok(Number(near['rank']) > Number(far['rank']))
  assert.deepEqual(others, [])
  assert.equal((await found('place::gulls')).length, 2)
  assert.equal((await found('place::gull&old|n::1')).length, 1)
  assert.equal((await found('place::gull|place::boat')).length, 0)
  assert.equal((await found('place::!gull')).length, 1)
  const bad = site.http
    .get('/api/task')
    .query({ project_id: id, info: 'place::two words', fulltextsearch: 1 })
  await assertRefused(bad, [415, 'DBIntegrityError', /full-text query cannot be read/])
})

test('times are filtered by how they begin', async () => {
  const { id, taskIds } = await publishedProject(site, owner, { tasks: 3 })
  const times = ['2026-01-31T23:59:59.999999Z', '2026-02-01T00:00:00Z', '2026-10-05T12:30:40.5Z']
  for (const [n, time] of times.entries())
    await rowsOf(site, 'update task set created = $2 where id = $1', [taskIds[n], time])
  await waitForReplica()
  const found = async (created: string) =>
    idsOf(await list('task', { project_id: id, created })).map((task) => taskIds.indexOf(Number(task)))
  for (const [prefix, wanted] of [
    ['20', [0, 1, 2]],
    ['2026', [0, 1, 2]],
    ['2026-', [0, 1, 2]],
    ['2026-0', [0, 1]],
    ['2026-01', [0]],
    ['2026-02-01T00:00', [1]],
    ['2026-10-05T12:30:40.5', [2]],
    ['2026-10-05T12:30:40.4', []],
    ['2026-1', [2]],
    ['2026-13', []],
    ['2026-02-30', []],
    ['0', []],
    ['9999-12-31', []],
    ['May', []],
  ] as const)
    assert.deepEqual(await found(prefix), wanted, prefix)
})

test('HEAD answers wherever GET does, without a body', async () => {
  for (const path of ['project', 'task', 'taskrun', 'result', 'category', `project/${project.id}`]) {
    const response = await site.http.head(`/api/${path}`).expect(200)
    assert.equal(response.text, undefined)
  }
})

test('somebody who has not answered yet has done nothing, however they are known', async () => {
  const other = await publishedProject(site, owner, { tasks: 2 })
  const people = [
    keyContributor(site, other, stranger),
    addressContributor(site, other),
    await externalContributor(site, other, 'never seen'),
  ]
  for (const who of people) assert.deepEqual((await who.progress().expect(200)).body, { done: 0, total: 2 })
  await stranger.http.get(`/api/project/${other.id}/userprogress`).expect(200, { done: 0, total: 2 })
  const page = await supertest.agent(site.url).get(`/project/${other.shortName}/newtask`).expect(200)
  const device = String(page.headers['set-cookie']).split(';')[0] ?? ''
  const asDevice = supertest(site.url).get(`/api/project/${other.id}/userprogress`).set('Cookie', device)
  await asDevice.expect(200, { done: 0, total: 2 })
  await assertRefused(site.http.get('/api/project/none/userprogress'), [404, 'NotFound'])
})

test('a list that takes too long ends with a refusal that says what to do', async () => {
  const blocker = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] ?? '' })
  await blocker.connect()
  try {
    await blocker.query('begin; lock table task in access exclusive mode')
    // The replica learns of the lock with the next commit.
    await rowsOf(site, 'update project set updated = now() where id = $1', [project.id])
    await waitForReplica()
    await assertRefused(site.http.get(`/api/task?project_id=${project.id}`), [
      503,
      'ServiceUnavailable',
      /takes too long\. Filter by project_id/,
    ])
  } finally {
    await blocker.end()
  }
})

test('task runs are listed by who gave them, where several are of one person too', async () => {
  const busy = await publishedProject(site, owner, { tasks: 2, redundancy: 2 })
  for (const uid of ['zoe', 'ada']) {
    const who = await externalContributor(site, busy, uid)
    for (const taskId of busy.taskIds) {
      await who.newTask().expect(200)
      await who.submit(taskId).expect(200)
    }
  }
  await waitForReplica()
  const people = async (query: Record<string, string>) =>
    (await list('taskrun', { project_id: busy.id, ...query })).map((row) => row['external_uid'])
  assert.deepEqual(await people({}), ['zoe', 'zoe', 'ada', 'ada'])
  assert.deepEqual(await people({ orderby: 'external_uid' }), ['ada', 'ada', 'zoe', 'zoe'])
  assert.deepEqual(await people({ orderby: 'external_uid', desc: 'true', limit: '3' }), ['zoe', 'zoe', 'ada'])
  assert.deepEqual(await people({ external_uid: 'ada' }), ['ada', 'ada'])
})
