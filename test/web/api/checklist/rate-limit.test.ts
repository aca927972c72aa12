import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'supertest'
import { assertRefused, by, rateOf } from '../../../support/api.ts'
import { startTestApp } from '../../../support/app.ts'
import type { TestUser } from '../../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../../support/builders.ts'
import { untilFileEnds } from '../../../support/file-ending.ts'
import { waitForReplica } from '../../../support/servers.ts'

/** What PyBossa's clients rely on, one test a statement; the numbers are those of our checklist. */
const LIMIT = 300
const site = await startTestApp(untilFileEnds(), { RATE_LIMIT: `${LIMIT}/900` })
const owner = await site.user()
const project = await publishedProject(site, owner)

/** Lists categories until that is refused, which may take until the second limit when a window ends meanwhile. */
async function useUp(user: TestUser): Promise<void> {
  for (let n = 1; n < 2 * LIMIT; n += 1) {
    const { status } = await by(user, site.http.get('/api/category'))
    if (status === 429) return
  }
  assert.fail('No request was refused')
}

test('14. Every answer tells limit, rest and reset, whoever asked for what', async () => {
  const eager = await site.user()
  await useUp(eager)
  const [taskId = 0] = project.taskIds
  const answers: [number, Test][] = [
    [200, site.http.get('/api/task')],
    [200, site.http.head('/api/task')],
    [200, by(owner, site.http.post('/api/task')).send({ project_id: project.id })],
    [200, by(owner, site.http.put(`/api/task/${taskId}`)).send({})],
    [204, by(owner, site.http.delete(`/api/task/${taskId}`))],
    [401, site.http.post('/api/task').send({ project_id: project.id })],
    [403, by(eager, site.http.post('/api/task')).send({ project_id: project.id })],
    [404, site.http.get('/api/nothing')],
    [415, site.http.get('/api/task?colour=red')],
    [429, by(eager, site.http.get('/api/category'))],
  ]
  for (const [status, request] of answers) rateOf(await request.expect(status))
})

test('15. The reset is a UTC second to come, and used and remaining requests make the limit', async () => {
  const user = await site.user()
  for (let used = 1; used <= 5; used += 1) {
    const { limit, remaining, reset } = rateOf(await by(user, site.http.get('/api/project')))
    assert.equal(used + remaining, limit)
    assert.ok(reset <= Math.ceil(Date.now() / 1000) + 900)
  }
})

test('16. HEAD of 100,000 tasks is 200 with headers and nothing behind them', async (t) => {
  const insert =
    'insert into task (project_id, info) select $1, to_jsonb(n) from generate_series(1, 100000) as n'
  await rowsOf(site, insert, [project.id])
  await waitForReplica()
  const began = performance.now()
  const response = await by(owner, site.http.head('/api/task')).expect(200)
  t.diagnostic(`${(performance.now() - began).toFixed(0)} ms`)
  assert.ok(!response.text)
  assert.equal(rateOf(response).limit, LIMIT)
})

test('17. HEAD and POST of tasks share a counter that the one of projects knows nothing of', async () => {
  const user = await site.user()
  const left = async (request: Test) => rateOf(await by(user, request)).remaining
  assert.equal(await left(site.http.get('/api/project')), LIMIT - 1)
  assert.equal(await left(site.http.head('/api/task')), LIMIT - 1)
  assert.equal(await left(site.http.post('/api/task').send({})), LIMIT - 2)
  assert.equal(await left(site.http.get('/api/project')), LIMIT - 2)
})

test('18. Too many requests are refused in the error shape', async () => {
  const user = await site.user()
  await useUp(user)
  await assertRefused(by(user, site.http.get('/api/category')), [429, 'TooManyRequests'])
})

test('19. Who waits for the reset as pbs does adds more tasks than the limit, each once', async (t) => {
  const quick = await startTestApp(t, { RATE_LIMIT: '40/10' })
  const person = await quick.user()
  const { id } = await draftProject(quick, person, { tasks: 0 })
  const rows = Array.from({ length: 45 }, (_, n) => n)
  for (const info of rows) {
    await by(person, quick.http.post('/api/task')).send({ project_id: id, info }).expect(200)
    const { remaining, reset } = rateOf(await quick.http.head('/api/task').expect(200))
    if (remaining <= 10) await sleep(reset * 1000 - Date.now())
  }
  const stored = await rowsOf<{ info: number }>(
    quick,
    'select info from task where project_id = $1 order by id',
    [id],
  )
  assert.deepEqual(
    stored.map(({ info }) => info),
    rows,
  )
})

test('20. HEAD of the noun that pbs misspells answers, with a reset to come', async () => {
  rateOf(await site.http.head('/api/helpinmaterial').expect(404))
})
