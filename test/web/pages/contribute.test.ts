import assert from 'node:assert/strict'
import { test } from 'node:test'
import supertest from 'supertest'
import type { Test } from 'supertest'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../support/builders.ts'
import type { BuiltProject } from '../../support/builders.ts'
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
  const cookies = async (request: supertest.Test) =>
    ((await request.expect(200)).get('Set-Cookie') ?? []).join('; ')
  // Nobody has seen what was only fetched.
  assert.doesNotMatch(await cookies(http.get(path).set('Sec-Purpose', 'prefetch')), /tutorial/)
  assert.doesNotMatch(await cookies(http.get(path).set('Sec-Purpose', 'prefetch;prerender')), /tutorial/)
  assert.doesNotMatch(await cookies(http.head(path)), /tutorial/)
  await http.get(path).expect(200, /id="tutorial-panel" class="panel" aria-label="How it works">/)
  const again = await http.get(path).expect(200, /id="tutorial-panel"[^>]* hidden>/)
  assert.match(again.text, /id="show-help"/)
  assert.match(again.text, /Look at the beak/)

  const { project: without } = await buildPresenterProject(site, BIRDS, [{ picture: 'x' }])
  assert.doesNotMatch(await cookies(http.get(`/project/${without.shortName}/newtask`)), /tutorial/)
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

test('opening task after task by address reserves places for as many as one may hold, and requests the rest', async () => {
  const project = await publishedProject(site, owner, { tasks: 22, redundancy: 2 })
  const http = supertest.agent(site.url)
  for (const id of project.taskIds) await http.get(`/project/${project.shortName}/task/${id}`).expect(200)
  assert.deepEqual(
    await rowsOf(
      site,
      'select holds_place as "holdsPlace", count(*) as n from lease where project_id = $1 group by 1 order by 1',
      [project.id],
    ),
    [
      { holdsPlace: false, n: 2 },
      { holdsPlace: true, n: 20 },
    ],
  )
})

/** A page that somebody has open: it names its contributor in all it asks. */
async function openPage(http: TestUser['http'], { id, shortName }: BuiltProject) {
  const { text } = await http.get(`/project/${shortName}/newtask`).expect(200)
  const contributor = /data-contributor="([^"]+)"/.exec(text)?.[1] ?? ''
  const named = (request: Test) => request.set('X-Contributor', contributor)
  return {
    newTask: () => named(http.get(`/api/project/${id}/newtask`)),
    submit: (taskId: number) =>
      named(http.post('/api/taskrun')).send({ project_id: id, task_id: taskId, info: 'Yes' }),
  }
}

test('an answer of a page whose session ended waits for its person instead of being refused for good', async () => {
  const project = await publishedProject(site, owner)
  const person = await site.user()
  const page = await openPage(person.http, project)
  const { body: task } = (await page.newTask().expect(200)) as { body: { id: number } }
  await person.http.post('/account/signout').expect(302)
  await page.submit(task.id).expect(401, /Sign in again/)
  await page.newTask().expect(401)
  assert.deepEqual(await runsOf(project), [])
  const { email, password } = person
  await person.http.post('/account/signin').type('form').send({ email, password }).expect(302)
  await page.submit(task.id).expect(200)
  assert.deepEqual(await runsOf(project), [{ kind: 'user' }])
})

test('an answer of a page that was opened before its person signed in is stored for the device that asked for the task', async () => {
  const project = await publishedProject(site, owner)
  const http = supertest.agent(site.url)
  const page = await openPage(http, project)
  const { body: task } = (await page.newTask().expect(200)) as { body: { id: number } }
  const name = `late${project.id}`
  await http
    .post('/account/register')
    .type('form')
    .send({ fullName: 'Late', name, email: `${name}@example.org`, password: 'four plain test words' })
    .expect(302)
  await page.submit(task.id).expect(200)
  assert.deepEqual(await runsOf(project), [{ kind: 'device' }])
})

async function runsOf({ id }: BuiltProject): Promise<{ kind: string }[]> {
  return rowsOf(
    site,
    'select c.kind from task_run r join contributor c on c.id = r.contributor_id where r.project_id = $1',
    [id],
  )
}
