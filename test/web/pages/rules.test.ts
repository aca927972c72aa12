import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { externalContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()

async function rulesOf(shortName: string) {
  await waitForReplica()
  return owner.http.get(`/project/${shortName}/tasks/rules`).expect(200)
}

test('an owner sees what a change of redundancy does before it is made', async () => {
  const project = await publishedProject(site, owner, { tasks: 2, redundancy: 2 })
  const who = await externalContributor(site, project)
  await who.newTask().expect(200)
  await who.submit(project.taskIds[0] ?? 0).expect(200)
  const path = `/project/${project.shortName}/tasks/rules/redundancy`
  const post = (values: Record<string, string>) => owner.http.post(path).type('form').send(values)
  const wanted = () => rowsOf(site, 'select n_answers as n from task where project_id = $1', [project.id])

  const tried = await post({ nAnswers: '1', step: 'try' }).expect(200)
  assert.match(tried.text, /1 task is finished with the answers it has/)
  assert.doesNotMatch(tried.text, /open again/)
  assert.deepEqual(await wanted(), [{ n: 2 }, { n: 2 }])

  await post({ nAnswers: '1', step: 'do' }).expect(302)
  assert.deepEqual(await wanted(), [{ n: 1 }, { n: 1 }])
  const refused = await post({ nAnswers: '0', step: 'do' }).expect(422, /At least 1 answer/)
  assert.match(refused.text, /value="0"/)
  await post({ nAnswers: 'many' }).expect(422, /Use a whole number/)
})

test('an owner chooses the order, the lease time, the undo time and the share of calibration tasks', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  const path = `/project/${shortName}/tasks/rules`
  const page = await rulesOf(shortName)
  assert.match(page.text, /value="depth_first" checked/)
  assert.match(page.text, /name="leaseMinutes" type="number" value="30"/)
  const values = { scheduler: 'random', leaseMinutes: '10', undoSeconds: '0', calibrationPercent: '20' }
  await owner.http.post(path).type('form').send(values).expect(302)
  assert.match((await rulesOf(shortName)).text, /value="random" checked/)
  const [rules] = await rowsOf(
    site,
    `select scheduler, lease_seconds as lease, undo_seconds as undo, calibration_rate::numeric as rate from project where id = $1`,
    [id],
  )
  assert.deepEqual(rules, { scheduler: 'random', lease: 600, undo: 0, rate: '0.2' })
  const jobs = await rowsOf(
    site,
    `select 1 from outbox where job = 'reorder-tasks' and (payload ->> 'projectId')::bigint = $1`,
    [id],
  )
  assert.equal(jobs.length, 1)
  await owner.http
    .post(path)
    .type('form')
    .send({ ...values, leaseMinutes: '0.1' })
    .expect(422, /At least 30 seconds/)
  await owner.http
    .post(path)
    .type('form')
    .send({ ...values, scheduler: 'best' })
    .expect(422, /Choose one/)
  await stranger.http.get(path).expect(403)
  await stranger.http.post(path).type('form').send(values).expect(403)
  await stranger.http.post(`${path}/redundancy`).type('form').send({ nAnswers: '3' }).expect(403)
})
