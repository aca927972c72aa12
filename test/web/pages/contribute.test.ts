import assert from 'node:assert/strict'
import { test } from 'node:test'
import supertest from 'supertest'
import { startTestApp } from '../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()

test('a task page opens a named task, and makes a browser without an account a contributor', async () => {
  const { shortName, taskIds } = await publishedProject(site, owner, { tasks: 2 })
  const http = supertest.agent(site.url)
  const page = await http.get(`/project/${shortName}/newtask`).expect(200)
  assert.match(String(page.headers['set-cookie']), /device=/)
  const named = await http.get(`/project/${shortName}/task/${taskIds[1] ?? 0}`).expect(200)
  assert.match(named.text, new RegExp(`data-task-id="${taskIds[1] ?? 0}"`))
  assert.equal(named.headers['set-cookie'], undefined)
  await owner.http.get(`/project/${shortName}/newtask`).expect(200)
})

test('a task of another project, none at all, or a project without a presenter has no task page', async () => {
  const one = await publishedProject(site, owner)
  const other = await publishedProject(site, owner)
  await site.http.get(`/project/${one.shortName}/task/${other.taskIds[0] ?? 0}`).expect(404)
  await site.http.get(`/project/${one.shortName}/task/none`).expect(404)
  await site.http.get('/project/none/newtask').expect(404)
  const draft = await draftProject(site, owner)
  await site.http.get(`/project/${draft.shortName}/newtask`).expect(302)
})

test('a project for people with an account sends others to sign in', async () => {
  const { shortName } = await publishedProject(site, owner, { allowAnonymousContributors: false })
  const { headers } = await site.http.get(`/project/${shortName}/newtask`).expect(302)
  assert.match(String(headers['location']), /^\/account\/signin\?next=/)
  await owner.http.get(`/project/${shortName}/newtask`).expect(200)
})

test('PyBossa’s other address of the task page works, and a prefetch requests no task', async () => {
  const { id, shortName, taskIds } = await publishedProject(site, owner)
  await site.http.get(`/project/${shortName}/presenter`).expect(200)
  const path = `/project/${shortName}/task/${taskIds[0] ?? 0}`
  const leases = () => rowsOf(site, 'select 1 from lease where project_id = $1', [id])
  await site.http.get(path).set('Sec-Purpose', 'prefetch').expect(200)
  assert.equal((await leases()).length, 0)
  await site.http.get(path).expect(200)
  assert.equal((await leases()).length, 1)
})
