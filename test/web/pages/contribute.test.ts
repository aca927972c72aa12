import assert from 'node:assert/strict'
import { test } from 'node:test'
import supertest from 'supertest'
import { startTestApp } from '../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { BIRDS, buildPresenterProject } from '../../support/presenter-project.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()

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
  await stranger.http.get(`/project/${draft.shortName}/newtask`).expect(403)
  await owner.http.get(`/project/${draft.shortName}/newtask`).expect(200)
  await rowsOf(site, 'update project set presenter_version_id = null where id = $1', [draft.id])
  await waitForReplica()
  await owner.http.get(`/project/${draft.shortName}/newtask`).expect(404, /no question yet/)
})

test('the tutorial stands before the first task, and afterwards behind a button', async () => {
  const presenter = { ...BIRDS, tutorial: 'Look at the beak.' }
  const { project } = await buildPresenterProject(site, presenter, [{ picture: 'x' }])
  const http = supertest.agent(site.url)
  const path = `/project/${project.shortName}/newtask`
  await http.get(path).expect(200, /id="tutorial-panel" class="panel" aria-label="How it works">/)
  const again = await http.get(path).expect(200, /id="tutorial-panel"[^>]* hidden>/)
  assert.match(again.text, /id="show-help"/)
  assert.match(again.text, /Look at the beak/)
})

test('code of an owner’s own is never on the site’s page, only in a frame of another origin', async () => {
  const code = '<p>Hello</p><script>owned()</script>'
  const presenter = { kind: 'code', code, tutorial: null } as const
  const { project, owner: author } = await buildPresenterProject(site, presenter, [{ picture: 'x' }])
  const { port } = new URL(site.url)
  const frameOn = async (host: string) => {
    const request = site.http.get(`/project/${project.shortName}/newtask`).set('Host', host)
    const { text } = await request.expect(200)
    assert.ok(!text.includes('owned()'))
    return /data-frame-origin="([^"]*)" data-frame-sandbox="([^"]*)"/.exec(text)?.slice(1) ?? []
  }
  const [origin, sandbox = ''] = await frameOn(`localhost:${port}`)
  assert.equal(origin, `http://p${project.id}.presenter.localhost:${port}`)
  assert.match(sandbox, /allow-same-origin/)
  const [opaque, opaqueSandbox = ''] = await frameOn(`192.0.2.7:${port}`)
  assert.equal(opaque, 'null')
  assert.doesNotMatch(opaqueSandbox, /allow-same-origin/)

  const editor = `/project/${project.shortName}/tasks/taskpresentereditor`
  const { text } = await author.http.get(editor).expect(200, /code of its own/)
  assert.ok(!text.includes('owned()'))
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
