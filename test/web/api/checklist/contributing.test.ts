import assert from 'node:assert/strict'
import { test } from 'node:test'
import supertest from 'supertest'
import type { Test } from 'supertest'
import { assertRefused, bodyOf, by, refusal } from '../../../support/api.ts'
import type { Body } from '../../../support/api.ts'
import { startTestApp } from '../../../support/app.ts'
import {
  addressContributor,
  externalContributor,
  keyContributor,
  publishedProject,
  rowsOf,
} from '../../../support/builders.ts'
import { untilFileEnds } from '../../../support/file-ending.ts'
import { waitForReplica } from '../../../support/servers.ts'

/**
 * What PyBossa's clients rely on, one test a statement; the numbers are those of our checklist. Where a statement is
 * about pybossa.js, its requests are sent as it sends them.
 */
const site = await startTestApp(untilFileEnds(), { TRUST_PROXY: 'on' })
const owner = await site.user()
const member = await site.user()

const idOf = async (request: Test) => (await bodyOf(request))['id']

/** A project, somebody who works on it, and the ids of its first two tasks. */
async function begun(wishes: Parameters<typeof publishedProject>[2] = {}) {
  const project = await publishedProject(site, owner, wishes)
  const [first = 0, second = 0] = project.taskIds
  return { project, first, second, who: keyContributor(site, project, member) }
}

test('52. Offsets 0 and 1 give two tasks, the same ones until one is answered', async () => {
  const { who, first, second } = await begun({ tasks: 3 })
  const both = async () => [await idOf(who.newTask({ offset: 0 })), await idOf(who.newTask({ offset: 1 }))]
  assert.deepEqual(await both(), [first, second])
  assert.deepEqual(await both(), [first, second])
  await who.submit(first).expect(200)
  assert.equal((await both())[0], second)
})

test('53. Where no task is left at an offset there is an empty object', async () => {
  const { who, first } = await begun()
  assert.equal(await idOf(who.newTask({ offset: 0 })), first)
  assert.deepEqual(await bodyOf(who.newTask({ offset: 1 })), {})
  await who.submit(first).expect(200)
  assert.deepEqual(await bodyOf(who.newTask({ offset: 0 })), {})
})

test('54. Two tasks that were requested ahead are answered in either order', async () => {
  for (const isReversed of [false, true]) {
    const { who, first, second } = await begun({ tasks: 2 })
    await who.newTask({ offset: 0 }).expect(200)
    await who.newTask({ offset: 1 }).expect(200)
    for (const id of isReversed ? [second, first] : [first, second]) await who.submit(id).expect(200)
  }
})

test('55. A task run for a task that was not requested is forbidden and says why', async () => {
  const { who, first } = await begun()
  await assertRefused(who.submit(first), [403, 'Forbidden', /request a task first/])
})

test('56. Opening the page of a task requests it', async () => {
  const { project, first } = await begun()
  const browser = supertest.agent(site.url)
  const { text } = await browser.get(`/project/${project.shortName}/task/${first}`).expect(200)
  const [, contributor = ''] = /data-contributor="([^"]+)"/.exec(text) ?? []
  const run = { project_id: project.id, task_id: first, info: 'seen' }
  await browser.post('/api/taskrun').set('X-Contributor', contributor).send(run).expect(200)
})

test('57. A second task run of the same person for a task is forbidden', async () => {
  const { who, first } = await begun({ redundancy: 2 })
  await who.newTask().expect(200)
  await who.submit(first).expect(200)
  await assertRefused(who.submit(first), [403, 'Forbidden'])
})

test('58. Two people without an account at two addresses answer one task, and no address is stored', async () => {
  const { project, first } = await begun({ redundancy: 2 })
  const who = addressContributor(site, project)
  const shown = []
  for (const address of ['203.0.113.1', '203.0.113.2']) {
    await who.newTask().set('X-Forwarded-For', address).expect(200)
    shown.push((await bodyOf(who.submit(first).set('X-Forwarded-For', address)))['user_ip'])
  }
  assert.equal(new Set(shown).size, 2)
  const stored = await rowsOf<{ row: string }>(
    site,
    `select row_to_json(r)::text || row_to_json(c)::text as row
       from task_run r join contributor c on c.id = r.contributor_id where r.task_id = $1`,
    [first],
  )
  assert.equal(stored.length, 2)
  for (const { row } of stored) assert.doesNotMatch(row, /203\.0\.113\./)
})

test('59. Saving is answered with the task run', async () => {
  const { project, who, first } = await begun()
  await who.newTask().expect(200)
  const run = await bodyOf(who.submit(first, { info: { seen: 'bird' } }))
  assert.ok(Number.isInteger(run['id']))
  assert.deepEqual([run['task_id'], run['project_id'], run['info']], [first, project.id, { seen: 'bird' }])
})

test('60. A task that is handed out has what presenters read', async () => {
  const { project, who, first } = await begun({ redundancy: 4 })
  const task = await bodyOf(who.newTask())
  const { id, project_id, info, state, n_answers, created } = task
  assert.deepEqual([id, project_id, info, state, n_answers], [first, project.id, { n: 1 }, 'ongoing', 4])
  assert.equal(typeof created, 'string')
})

test('61. Progress by short name is two numbers, and one more is done after saving', async () => {
  const { project, who, first } = await begun({ tasks: 3 })
  const path = `/api/project/${project.shortName}/userprogress`
  const progress = () => bodyOf(by(member, site.http.get(path)))
  assert.deepEqual(await progress(), { done: 0, total: 3 })
  await who.newTask().expect(200)
  await who.submit(first).expect(200)
  await waitForReplica()
  assert.deepEqual(await progress(), { done: 1, total: 3 })
})

test('62. Progress by id is the same, and that of an external person is their own', async () => {
  const { project, who, first } = await begun({ tasks: 2 })
  const external = await externalContributor(site, project, 'somebody')
  await external.newTask().expect(200)
  await external.submit(first).expect(200)
  await waitForReplica()
  assert.deepEqual(await bodyOf(external.progress()), { done: 1, total: 2 })
  assert.deepEqual(await bodyOf(who.progress()), { done: 0, total: 2 })
})

test('63. A project for accounts only hands an error in the info to those without', async () => {
  const { project } = await begun({ allowAnonymousContributors: false })
  const task = await bodyOf(addressContributor(site, project).newTask())
  assert.equal(task['id'], null)
  assert.equal(typeof (task['info'] as Body)['error'], 'string')
})

test('64. The page of a task that is completed or answered already has the presenter', async () => {
  const { project, first, second } = await begun({ tasks: 2, redundancy: 1 })
  const pageOf = async (id: number) => {
    const { text } = await member.http.get(`/project/${project.shortName}/task/${id}`).expect(200)
    return text.includes(`data-task-id="${id}"`)
  }
  const who = keyContributor(site, project, member)
  await who.newTask({ limit: 2 }).expect(200)
  await who.submit(first).expect(200)
  const other = keyContributor(site, project, owner)
  await waitForReplica()
  assert.equal((await bodyOf(site.http.get(`/api/task/${first}`)))['state'], 'completed')
  assert.ok(await pageOf(first))
  await who.submit(second).expect(200)
  assert.deepEqual(await bodyOf(other.newTask()), {})
  assert.ok(await pageOf(second))
})

test('65. The address of another project’s task is not found, and has no presenter (PyBossa: 200)', async () => {
  const { project } = await begun()
  const { first: foreign } = await begun()
  const { text } = await site.http.get(`/project/${project.shortName}/task/${foreign}`).expect(404)
  assert.ok(!text.includes('presenter-frame'))
})

test('66. The requests of run() in their order lead from one task to the next', async () => {
  const { project, who, first, second } = await begun({ tasks: 3 })
  const query = { short_name: project.shortName, all: 1 }
  const found = (await site.http.get('/api/project').query(query).expect(200)).body as Body[]
  assert.equal(found[0]?.['id'], project.id)
  assert.equal(await idOf(who.newTask({ offset: 0 })), first)
  assert.equal(await idOf(who.newTask({ offset: 1 })), second)
  await site.http.get(`/api/task/${first}`).expect(200)
  await who.submit(first).expect(200)
  assert.equal(await idOf(who.newTask({ offset: 1 })), project.taskIds[2])
  await site.http.get(`/api/task/${second}`).expect(200)
  await who.submit(second).expect(200)
})

test('67. Short names that are addresses of the site are refused', async () => {
  const reserved = ['category', 'new', 'task', 'page', 'featured', 'draft', 'historical_contributions']
  for (const short_name of reserved) {
    const project = { name: `Project ${short_name}`, short_name, description: 'No.' }
    const request = by(owner, site.http.post('/api/project')).send(project)
    await assertRefused(request, [415, 'ValueError', /used by the system/])
  }
})

test('68. Another site’s token lets its person contribute, and nothing else does', async () => {
  const { project, first } = await begun()
  const who = await externalContributor(site, project, 'person-7')
  assert.equal(await idOf(who.newTask()), first)
  const run = await bodyOf(who.submit(first))
  assert.deepEqual([run['external_uid'], run['user_id'], run['user_ip']], ['person-7', null, null])
  for (const headers of [{}, { Authorization: 'Bearer x.y.z' }]) {
    const query = { external_uid: 'person-7' }
    const asked = site.http.get(`/api/project/${project.id}/newtask`).query(query).set(headers)
    await asked.expect(401).expect('Content-Type', /json/)
    const sent = site.http.post('/api/taskrun').query(query).set(headers)
    const body = { project_id: project.id, task_id: first, info: 1, ...query }
    assert.equal((await refusal(sent.send(body))).status, 403)
  }
})

test('69. Long texts, control characters and emoji of a task run stay what they were', async () => {
  const control = Array.from({ length: 31 }, (_, n) => String.fromCharCode(n + 1)).join('')
  for (const info of ['x'.repeat(200_000), control, '👩‍🔬 🌳 é']) {
    const { who, first } = await begun()
    await who.newTask().expect(200)
    const { id, info: saved } = await bodyOf(who.submit(first, { info }))
    assert.equal(saved, info)
    await waitForReplica()
    assert.equal((await bodyOf(site.http.get(`/api/taskrun/${String(id)}`)))['info'], info)
  }
})
