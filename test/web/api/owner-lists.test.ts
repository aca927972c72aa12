import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { draftProject, keyContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const owner = await site.user()
const coOwner = await site.user()
const stranger = await site.user()
const project = await publishedProject(site, owner, { tasks: 2, redundancy: 1 })
const draft = await draftProject(site, owner)
const [first = 0] = project.taskIds
await rowsOf(site, 'insert into project_owner (project_id, user_id) values ($1, $2)', [
  project.id,
  coOwner.id,
])
const who = keyContributor(site, project, stranger)
await who.newTask().expect(200)
await who.submit(first).expect(200)
await waitForReplica()

async function list(path: string, user: TestUser): Promise<Body[]> {
  return (await by(user, site.http.get(`/api/${path}`)).expect(200)).body as Body[]
}

test('the audit log shows owners what was changed, by whom, from what to what', async () => {
  await by(owner, site.http.put(`/api/project/${project.id}`))
    .send({ description: 'Another one' })
    .expect(200)
  await waitForReplica()
  const [entry = {}, ...others] = await list(`auditlog?project_id=${project.id}&attribute=description`, owner)
  assert.deepEqual(others, [])
  const { id, created, link: _, links: __, ...rest } = entry
  assert.deepEqual(rest, {
    project_id: project.id,
    project_short_name: project.shortName,
    user_id: owner.id,
    user_name: owner.name,
    action: 'update',
    caller: 'api',
    attribute: 'description',
    old_value: 'Which pictures show a bird?',
    new_value: 'Another one',
  })
  assert.match(String(created), /^\d{4}/)
  const path = `auditlog/${String(id)}`
  assert.deepEqual(await list(path, coOwner), entry)
  assert.ok((await list('auditlog?all=1', coOwner)).length > 0)
  assert.ok((await list('auditlog?all=1', admin)).length > 0)
  assert.deepEqual(await list('auditlog?all=1', stranger), [])
  await assertRefused(by(stranger, site.http.get(`/api/${path}`)), [404, 'NotFound'])
  await assertRefused(site.http.get('/api/auditlog'), [401, 'Unauthorized'])
  await assertRefused(by(owner, site.http.put(`/api/${path}`)).send({}), [405, 'MethodNotAllowed'])
})

test('owners list what is completed, of projects they did not create too', async () => {
  for (const user of [owner, coOwner, admin]) {
    const tasks = await list('completedtask', user)
    assert.deepEqual(
      tasks.map(({ id, state }) => [id, state]),
      [[first, 'completed']],
    )
    const runs = await list(`completedtaskrun?project_id=${project.id}&from_finish_time=2026`, user)
    assert.deepEqual(
      runs.map((run) => run['task_id']),
      [first],
    )
  }
  for (const noun of ['completedtask', 'completedtaskrun']) {
    assert.deepEqual(await list(noun, stranger), [])
    await assertRefused(site.http.get(`/api/${noun}`), [401, 'Unauthorized'])
  }
  await assertRefused(by(owner, site.http.get('/api/completedtaskrun?info=a::b')), [415, 'ValueError'])
})

test('a project is read by its short name, and its progress by id and short name', async () => {
  const read = await site.http.get(`/api/projectbyname/${project.shortName}`).expect(200)
  assert.deepEqual(read.body, (await site.http.get(`/api/project/${project.id}`).expect(200)).body)
  await assertRefused(site.http.get('/api/projectbyname/nothing'), [404, 'NotFound'])
  await assertRefused(site.http.get(`/api/projectbyname/${draft.shortName}`), [401, 'Unauthorized'])
  for (const name of [project.id, project.shortName]) {
    const progress = await site.http.get(`/api/project/${name}/taskprogress`).expect(200)
    assert.deepEqual(progress.body, {
      task_count: 2,
      n_completed_tasks: 1,
      n_ongoing_tasks: 1,
      n_task_runs: 1,
      n_remaining_task_runs: 1,
    })
  }
})

test('projects are not found by what only their owners see', async () => {
  await by(owner, site.http.put(`/api/project/${project.id}`))
    .send({ webhook: 'https://hook.example/secret', info: { apiSecret: 'a hidden phrase' } })
    .expect(200)
  await waitForReplica()
  const asked = [
    'webhook=https://hook.example/secret',
    'info=apiSecret::a hidden phrase',
    'info={"apiSecret":"a hidden phrase"}',
    'info=apiSecret::phrase&fulltextsearch=1',
    'orderby=webhook',
    'orderby=info',
    'contacted=false',
    'zip_download=true',
  ]
  for (const query of asked) {
    const found = async (user: TestUser) =>
      (await list(`project?all=1&limit=100&${query}`, user)).some(({ id }) => id === project.id)
    const seen = [await found(stranger), await found(coOwner), await found(admin)]
    assert.deepEqual(seen, [false, true, true], query)
    const anonymous = await site.http.get(`/api/project?${query}`).expect(200)
    assert.deepEqual(anonymous.body, [], query)
  }
})
