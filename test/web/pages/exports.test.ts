import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobs } from '../../../jobs/index.ts'
import { startJobs } from '../../../src/platform/job-runner.ts'
import { startLoop } from '../../../src/platform/loop.ts'
import { startTestApp } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'
import { download, readZip } from '../../support/zip.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()
const project = await publishedProject(site, owner, { tasks: 2 })
const path = `/project/${project.shortName}/tasks/export`

test('an owner asks for an export, watches it come, and downloads it', async (t) => {
  const choices = await owner.http.get(path).expect(200, /Answers/)
  for (const said of [/your own columns/, /task_id that joins it to the id of your tasks/, /task_run_ids/])
    assert.match(choices.text, said)
  await owner.http
    .post(path)
    .type('form')
    .send({ type: 'task', format: 'csv' })
    .expect(302)
    .expect('Location', path)
  await waitForReplica()
  await owner.http.get(path).expect(200, /waiting/i)

  const relay = startLoop('relay', 50, () => site.app.queue.sweep().then(() => false), site.app.log)
  const runner = startJobs(site.app, jobs)
  t.after(async () => {
    await relay.stop()
    await runner.stop(5_000)
  })
  await eventually(async () => {
    const [row] = await rowsOf<{ state: string }>(site, 'select state from project_export')
    return row?.state === 'done'
  })
  await waitForReplica()
  const page = await owner.http.get(path).expect(200)
  const [, address = ''] = /href="([^"]+\/tasks\/export\/\d+)"/.exec(page.text) ?? []
  const asked = owner.http
    .get(address)
    .expect('Cache-Control', 'private, no-store')
    .expect('Content-Disposition', /attachment; filename=.*\.zip/)
  const files = await readZip(await download(asked))
  assert.deepEqual(
    [...files.keys()].map((name) => name.split('_').at(-1)),
    ['task.csv', 'only.csv', 'README.txt', 'datapackage.json'],
  )
  await stranger.http.get(address).expect(403)
  const other = await publishedProject(site, owner)
  await owner.http.get(address.replace(project.shortName, other.shortName)).expect(404)
  await rowsOf(site, `update project_export set expires = now() - interval '1 second'`)
  await waitForReplica()
  await owner.http.get(address).expect(404)
})

test('while an export is being made the page says what it lacks, and keeps the choice', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  const address = `/project/${shortName}/tasks/export`
  const ask = () => owner.http.post(address).type('form').send({ type: 'task', format: 'json' })
  await ask().expect(302)
  await ask().expect(302)
  await rowsOf(
    site,
    `update project_export set state = 'running', started = now() - interval '3 minutes' where project_id = $1`,
    [id],
  )
  await waitForReplica()
  const page = await ask().expect(409, /without what has changed since it began/)
  assert.match(page.text, /value="task" checked/)
  assert.match(page.text, /value="json" checked/)
  assert.match(page.text, />As it was 3 minutes ago</)
  const exports = await rowsOf(site, 'select 1 from project_export where project_id = $1', [id])
  assert.equal(exports.length, 1)
})

test('nonsense is refused, and nobody else’s exports are shown', async () => {
  await owner.http
    .post(path)
    .type('form')
    .send({ type: 'people', format: 'csv' })
    .expect(422, /Choose what to export/)
  await owner.http.get(`${path}/999999`).expect(404)
  await owner.http.get(`${path}/none`).expect(404)
  await stranger.http.get(path).expect(403)
  await stranger.http.post(path).type('form').send({ type: 'task', format: 'csv' }).expect(403)
  await site.http.get(path).expect(302)
})
