import assert from 'node:assert/strict'
import { test } from 'node:test'
import { by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { publishedProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()

test('a presenter from before PyBossa 1.0 asks for tasks and answers them in its own words', async () => {
  const { id, shortName } = await publishedProject(site, owner, { tasks: 2 })
  const [app] = (await site.http.get(`/api/app?short_name=${shortName}`).expect(200)).body as Body[]
  assert.equal(app?.['id'], id)
  await site.http.get(`/api/app/${shortName}/userprogress`).expect(200, { done: 0, total: 2 })
  const task = (await site.http.get(`/api/app/${id}/newtask?offset=0`).expect(200)).body as Body
  assert.deepEqual([task['app_id'], task['project_id']], [id, id])
  const run = { app_id: task['app_id'], task_id: task['id'], info: 'x' }
  const stored = (await site.http.post('/api/taskrun').send(run).expect(200)).body as Body
  assert.deepEqual([stored['app_id'], stored['project_id']], [id, id])
})

test('tools from before PyBossa 1.0 list and add by app_id; nobody else sees the old word', async () => {
  const { id } = await publishedProject(site, owner, { tasks: 2 })
  const list = async (query: object) =>
    (await by(owner, site.http.get('/api/task')).query(query).expect(200)).body as Body[]
  const tasks = await list({ app_id: id, limit: 400 })
  assert.deepEqual(
    tasks.map((task) => [task['app_id'], task['project_id']]),
    [
      [id, id],
      [id, id],
    ],
  )
  for (const task of await list({ project_id: id })) assert.ok(!('app_id' in task))
  const added = (await by(owner, site.http.post('/api/task')).send({ app_id: id, info: 1 }).expect(200))
    .body as Body
  assert.equal(added['project_id'], id)
  // A task goes back as it came, with both words.
  await by(owner, site.http.put(`/api/task/${String(added['id'])}`))
    .send({ app_id: id, project_id: id, n_answers: 3 })
    .expect(200)
})

test('addresses of pages from before PyBossa 1.0 lead to where they are now', async () => {
  const lead = (from: string, to: string) => site.http.get(from).expect(301).expect('Location', to)
  await lead('/app/', '/project/')
  await lead('/app', '/project/')
  await lead('/app/birds/newtask?from=mail&n=1', '/project/birds/newtask?from=mail&n=1')
  await lead('/app/V%C3%B6gel/task/3', '/project/V%C3%B6gel/task/3')
  await lead('//app//evil.example/', '/project/evil.example/')
  await site.http.post('/app/birds/').expect(404)
  await site.http.get('/apple').expect(404)
})

test('a site that wants none of it knows the present names only', async (t) => {
  const strict = await startTestApp(t, { OLD_NAMES: 'off' })
  await strict.http.get('/api/app').expect(404)
  await strict.http.get('/api/task?app_id=1').expect(415)
  await strict.http.get('/app/birds').expect(404)
  const body = { app_id: 1, info: 1 }
  await by(await strict.user(), strict.http.post('/api/task'))
    .send(body)
    .expect(415)
})
