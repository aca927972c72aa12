import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { draftProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const { id, shortName } = await draftProject(site, owner)
const home = `/project/${shortName}`

const save = (webhook: string) =>
  owner.http
    .post(`${home}/update`)
    .type('form')
    .send({ name: `Webhook ${shortName}`, description: 'One to be told', webhook })

test('owners set a webhook, read what it was told, and send it again', async () => {
  await owner.http.get(`${home}/webhook`).expect(200, /This project has no webhook/)
  for (const bad of [
    'example.org/x',
    'ftp://example.org/',
    'javascript:alert(1)',
    'https://me:secret@example.org/',
  ])
    await save(bad).expect(422, /Give the whole address/)
  await save('https://example.org/told').expect(302)
  await rowsOf(
    site,
    `insert into webhook_delivery (project_id, task_id, payload, response, response_status_code, given_up)
     values (${id}, 7, '{}', 'No <b>way</b>', 500, now()) returning id`,
  )
  await waitForReplica()
  const page = await owner.http.get(`${home}/webhook`).expect(200, /https:\/\/example\.org\/told/)
  assert.match(page.text, /Failed/)
  assert.match(page.text, /No &lt;b&gt;way/)

  await owner.http.post(`${home}/webhook`).type('form').send({ which: 'failed' }).expect(302)
  await owner.http.get(`${home}/webhook`).expect(200, /1 delivery is on its way/)
  assert.equal((await rowsOf(site, `select from outbox where job = 'deliver-webhook'`)).length, 1)
  await owner.http.post(`${home}/webhook`).type('form').send({ which: 'some' }).expect(400)
  await owner.http.post(`${home}/webhook/999999`).expect(404)
  await save('').expect(302)
  await owner.http.post(`${home}/webhook`).type('form').send({ which: 'untold' }).expect(409)
})

test('nobody else reads or sends what a webhook was told', async () => {
  const stranger = await site.user()
  await stranger.http.get(`${home}/webhook`).expect(403)
  await stranger.http.post(`${home}/webhook`).type('form').send({ which: 'failed' }).expect(403)
  await site.http.get(`${home}/webhook`).expect(302)
})
