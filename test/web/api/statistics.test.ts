import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, keyContributor, publishedProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const owner = await site.user()
const project = await publishedProject(site, owner, { tasks: 3, redundancy: 1 })
const draft = await draftProject(site, owner)
const who = keyContributor(site, project, admin)
const [first = 0] = project.taskIds
await who.newTask().expect(200)
await who.submit(first).expect(200)
await waitForReplica()

test('projectstats are the figures of a project as they are now', async () => {
  const [stats = {}, ...others] = (await site.http.get('/api/projectstats').expect(200)).body as Body[]
  assert.deepEqual(others, [], 'a draft is its owners’ business')
  const { average_time: average, last_activity: last, link, links, ...figures } = stats
  assert.deepEqual(figures, {
    id: project.id,
    project_id: project.id,
    n_tasks: 3,
    n_task_runs: 1,
    n_results: 0,
    n_volunteers: 1,
    n_completed_tasks: 1,
    overall_progress: 33,
    n_blogposts: 0,
    info: {},
  })
  assert.ok(Number(average) > 0)
  assert.match(String(last), /^\d{4}-\d\d-\d\dT/)
  assert.match(String(link), /projectstats/)
  assert.equal((links as string[]).length, 1)
  const read = await site.http.get(`/api/projectstats/${project.id}?full=1`).expect(200)
  assert.deepEqual(read.body, stats)
  const found = async (args: string) =>
    ((await by(owner, site.http.get(`/api/projectstats?${args}`)).expect(200)).body as Body[]).map(
      ({ id }) => id,
    )
  assert.deepEqual(await found('full=1'), [project.id, draft.id])
  assert.deepEqual(await found(`project_id=${draft.id}`), [draft.id])
  assert.deepEqual(await found('n_tasks=3'), [project.id])
  await assertRefused(site.http.get(`/api/projectstats/${draft.id}`), [404, 'NotFound'])
})

test('results that an analysis has filled are counted', async () => {
  const [result = {}] = (await site.http.get(`/api/result?project_id=${project.id}`).expect(200))
    .body as Body[]
  await by(owner, site.http.put(`/api/result/${String(result['id'])}`).send({ info: 1 })).expect(200)
  await waitForReplica()
  const stats = (await site.http.get(`/api/projectstats/${project.id}`).expect(200)).body as Body
  assert.equal(stats['n_results'], 1)
})

test('stats adds its figures to a project', async () => {
  const stats = ({ link: _, links: __, ...rest }: Body) => rest
  const figures = (await site.http.get(`/api/projectstats/${project.id}`).expect(200)).body as Body
  const listed = (await site.http.get('/api/project?stats=1').expect(200)).body as Body[]
  assert.deepEqual(
    listed.map((one) => one['stats']),
    [stats(figures)],
  )
  const read = (await site.http.get(`/api/project/${project.id}?stats=1`).expect(200)).body as Body
  assert.deepEqual(read['stats'], stats(figures))
  assert.equal('stats' in ((await site.http.get(`/api/project/${project.id}`)).body as Body), false)
})

test('figures are not written by anybody', async () => {
  await assertRefused(site.http.post('/api/projectstats').send({}), [401, 'Unauthorized'])
  await assertRefused(by(admin, site.http.post('/api/projectstats')).send({}), [403, 'Forbidden'])
  await assertRefused(by(admin, site.http.put(`/api/projectstats/${project.id}`)).send({}), [
    403,
    'Forbidden',
  ])
  await assertRefused(by(admin, site.http.delete(`/api/projectstats/${project.id}`)), [403, 'Forbidden'])
})

test('blog posts are counted when they are published', async () => {
  const post = { project_id: project.id, title: 'News', body: 'We have begun.' }
  for (const published of [true, false])
    await by(owner, site.http.post('/api/blogpost').send({ ...post, published })).expect(200)
  await waitForReplica()
  const stats = (await site.http.get(`/api/projectstats/${project.id}`).expect(200)).body as Body
  assert.equal(stats['n_blogposts'], 1)
})

test('globalstats counts the site', async () => {
  const counted = await site.http.get('/api/globalstats').expect(200)
  const { n_results: nResults, ...rest } = counted.body as Body
  assert.equal(typeof nResults, 'number')
  assert.deepEqual(rest, {
    n_projects: 1,
    n_users: 2,
    n_tasks: 4,
    n_task_runs: 1,
    n_pending_tasks: 3,
    categories: [{ thinking: 1 }, { sensing: 0 }, { featured: 0 }, { draft: 1 }],
  })
  await assertRefused(site.http.post('/api/globalstats').send({}), [405, 'MethodNotAllowed'])
})
