import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agrees, checkProjects } from '../../../src/domain/assignment/check-service.ts'
import { assertRefused, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { addressContributor, keyContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import type { BuiltProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const owner = await site.user()
const author = await site.user()

/** A task that wants two runs and has one of the author's. */
async function begun(): Promise<{ project: BuiltProject; taskId: number; runId: number }> {
  const project = await publishedProject(site, owner, { redundancy: 2 })
  const who = keyContributor(site, project, author)
  await who.newTask().expect(200)
  const [taskId = 0] = project.taskIds
  const run = (await who.submit(taskId).expect(200)).body as Body
  await waitForReplica()
  return { project, taskId, runId: Number(run['id']) }
}

async function finish(project: BuiltProject, taskId: number): Promise<Body> {
  const who = addressContributor(site, project)
  await who.newTask().expect(200)
  const run = (await who.submit(taskId).expect(200)).body as Body
  await waitForReplica()
  return run
}

/** All counters say what the rows say. */
async function assertAgrees({ shortName }: BuiltProject): Promise<void> {
  const openDb = () => site.app.database.open({ writes: true })
  for await (const report of checkProjects(site.app, openDb, { only: shortName, repair: false }))
    assert.ok(agrees(report), JSON.stringify([...report.findings]))
}

const put = (runId: number, body: object) => site.http.put(`/api/taskrun/${runId}`).send(body)
const remove = (runId: number) => site.http.delete(`/api/taskrun/${runId}`)

test('its author and an admin change a task run, and nobody else', async () => {
  const { runId, taskId } = await begun()
  await assertRefused(put(runId, { info: 1 }), [401, 'Unauthorized'])
  await assertRefused(by(owner, put(runId, { info: 1 })), [403, 'Forbidden'])
  const changed = (await by(author, put(runId, { info: { answer: 'No' }, timeout: 5 })).expect(200))
    .body as Body
  assert.deepEqual([changed['info'], changed['timeout'], changed['id']], [{ answer: 'No' }, 5, runId])
  await by(admin, put(runId, { info: null, task_id: taskId })).expect(200)
  await waitForReplica()
  const read = (await site.http.get(`/api/taskrun/${runId}`).expect(200)).body as Body
  assert.deepEqual([read['info'], read['timeout']], [null, 5])
  await assertRefused(by(author, put(runId, { finish_time: '2026' })), [400, 'BadRequest'])
  await assertRefused(by(author, put(runId, { task_id: taskId + 1 })), [400, 'BadRequest'])
  await assertRefused(by(author, put(runId, { colour: 1 })), [415, 'TypeError'])
  await assertRefused(by(author, put(999_999, {})), [404, 'NotFound'])
})

test('a deleted task run counts for nothing, and its task wants another one', async () => {
  const { project, runId, taskId } = await begun()
  await assertRefused(remove(runId), [401, 'Unauthorized'])
  await assertRefused(by(owner, remove(runId)), [403, 'Forbidden'])
  await by(author, remove(runId)).expect(204)
  await waitForReplica()
  await assertRefused(site.http.get(`/api/taskrun/${runId}`), [404, 'NotFound'])
  await assertRefused(by(author, remove(runId)), [404, 'NotFound'])
  const [sched] = await rowsOf(site, 'select n_runs, n_taken, open from task_sched where task_id = $1', [
    taskId,
  ])
  assert.deepEqual(sched, { n_runs: 0, n_taken: 0, open: true })
  const own = await keyContributor(site, project, author).progress().expect(200)
  assert.deepEqual(own.body, { done: 0, total: 1 })
  await assertAgrees(project)
})

test('a task run that is part of a result is kept by everybody', async () => {
  const { project, runId, taskId } = await begun()
  const last = await finish(project, taskId)
  for (const user of [author, admin]) {
    await assertRefused(by(user, put(runId, { info: 1 })), [403, 'Forbidden', /part of a result/])
    await assertRefused(by(user, remove(runId)), [403, 'Forbidden', /part of a result/])
  }
  await assertRefused(by(admin, remove(Number(last['id']))), [403, 'Forbidden'])
  await assertAgrees(project)
})

test('a changed run of a calibration task is scored anew', async () => {
  const { project, runId, taskId } = await begun()
  const change = { expected_info: { answer: 'No' }, calibration: 1 }
  await by(owner, site.http.put(`/api/task/${taskId}`))
    .send(change)
    .expect(200)
  await rowsOf(site, 'update task_run set score = 0 where id = $1', [runId])
  await rowsOf(site, 'update contributor_project set n_scored = 1 where project_id = $1', [project.id])
  await by(author, put(runId, { info: { answer: 'No' } })).expect(200)
  const [score] = await rowsOf(site, 'select score from task_run where id = $1', [runId])
  assert.deepEqual(score, { score: 1 })
  const counters =
    'select n_runs, n_scored, score_sum from contributor_project where project_id = $1 and n_runs > 0'
  assert.deepEqual(await rowsOf(site, counters, [project.id]), [{ n_runs: 1, n_scored: 1, score_sum: 1 }])
  // Where nothing is known of the task any more, its run counts for no score.
  await by(owner, site.http.put(`/api/task/${taskId}`))
    .send({ expected_info: null })
    .expect(200)
  await by(author, put(runId, { info: { answer: 'Yes' } })).expect(200)
  assert.deepEqual(await rowsOf(site, counters, [project.id]), [{ n_runs: 1, n_scored: 0, score_sum: 0 }])
})

test('owners store in a result what their analysis found, and change nothing else', async () => {
  const { project, taskId } = await begun()
  await finish(project, taskId)
  const [result = {}] = (await site.http.get(`/api/result?project_id=${project.id}`).expect(200))
    .body as Body[]
  const path = `/api/result/${String(result['id'])}`
  await assertRefused(site.http.put(path).send({ info: 1 }), [401, 'Unauthorized'])
  await assertRefused(by(author, site.http.put(path)).send({ info: 1 }), [403, 'Forbidden'])
  for (const key of ['id', 'created', 'project_id', 'task_id', 'task_run_ids', 'last_version'])
    await assertRefused(by(owner, site.http.put(path)).send({ [key]: result[key] }), [400, 'BadRequest'])
  const info = { answer: 'Yes', share: 1 }
  const changed = (await by(owner, site.http.put(path)).send({ info }).expect(200)).body as Body
  assert.deepEqual(changed, { ...withoutLinks(result), info })
  await waitForReplica()
  assert.deepEqual((await site.http.get(path).expect(200)).body, { ...result, info })
  assert.deepEqual(
    ((await site.http.get(`/api/result?project_id=${project.id}&info=share::1`)).body as Body[]).length,
    1,
  )
  await by(admin, site.http.put(path)).send({ info: null }).expect(200)
})

test('results are neither made nor deleted by anybody', async () => {
  const { project, taskId } = await begun()
  await finish(project, taskId)
  const [result = {}] = (await site.http.get(`/api/result?project_id=${project.id}`).expect(200))
    .body as Body[]
  const path = `/api/result/${String(result['id'])}`
  await assertRefused(site.http.post('/api/result').send({ info: 1 }), [401, 'Unauthorized'])
  await assertRefused(by(admin, site.http.post('/api/result')).send({ info: 1 }), [403, 'Forbidden'])
  await assertRefused(site.http.delete(path), [401, 'Unauthorized'])
  await assertRefused(by(admin, site.http.delete(path)), [403, 'Forbidden'])
})

function withoutLinks({ link: _, links: __, ...rest }: Body): Body {
  return rest
}
