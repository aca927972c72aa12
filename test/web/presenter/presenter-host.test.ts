import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { addPresenterVersion } from '../../../src/domain/presenters/presenter-service.ts'
import type { Presenter } from '../../../src/domain/presenters/presenter-service.ts'
import { sealTicket } from '../../../src/web/presenter/presenter-ticket.ts'
import type { PresenterTicket } from '../../../src/web/presenter/presenter-ticket.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp } from '../../support/app.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { BIRDS, buildPresenterProject } from '../../support/presenter-project.ts'
import type { PresenterProject } from '../../support/presenter-project.ts'
import { waitForReplica } from '../../support/servers.ts'

const SITE = 'https://manyhands.example'

const ending = untilFileEnds()
let site: TestApp
let birds: PresenterProject

before(async () => {
  site = await startTestApp(ending)
  birds = await buildPresenterProject(site, BIRDS, [{ picture: 'x' }])
})

function ticketFor(ticket: Partial<PresenterTicket> = {}): Promise<string> {
  const { project, version } = birds
  return sealTicket(site.app, {
    project: project.id,
    shown: { version: version.id },
    site: SITE,
    locale: 'de',
    permissions: [],
    ...ticket,
  })
}

/** A request to a project's presenter host; Node does not resolve names below .localhost. */
function onHost(projectId: number, path: string) {
  const { port } = new URL(site.url)
  return site.http.get(path).set('Host', `p${projectId}.presenter.localhost:${port}`)
}

function embedded(html: string): unknown {
  const [, json = ''] =
    /<script type="application\/json" id="presenter-document">(.*?)<\/script>/s.exec(html) ?? []
  return JSON.parse(json)
}

async function withCode(code: string): Promise<number> {
  const { owner, project } = birds
  const presenter: Presenter = { kind: 'code', code, tutorial: null }
  const db = site.app.database.open({ writes: true })
  const version = await db.write((tx) =>
    addPresenterVersion(tx, project, presenter, { userId: owner.id, caller: 'web' }),
  )
  await waitForReplica()
  return version.id
}

test("a ticket opens its presenter on the project's own host, for the page it was made for", async () => {
  const answer = await onHost(birds.project.id, `/?ticket=${await ticketFor()}`).expect(200)
  assert.deepEqual(embedded(answer.text), {
    site: SITE,
    template: 'image-classification',
    settings: { question: 'Is there a bird?', choices: ['Yes', 'No', 'Maybe'], pictureColumn: 'picture' },
  })
  assert.match(answer.text, /<html lang="de">/)
  const policy = answer.headers['content-security-policy'] ?? ''
  assert.match(policy, /frame-ancestors https:\/\/manyhands\.example(;|$)/)
  assert.match(policy, /script-src https:\/\/manyhands\.example;/)
  assert.doesNotMatch(policy, /unsafe|sandbox/)
  assert.equal(answer.headers['cache-control'], 'private')
  assert.equal(answer.headers['referrer-policy'], 'no-referrer')
  assert.equal(answer.headers['set-cookie'], undefined)
})

test('scripts and styles of the frame are there under the addresses it names', async () => {
  const { text } = await onHost(birds.project.id, `/?ticket=${await ticketFor()}`).expect(200)
  const paths = [...text.matchAll(/(?:src|href)="https:\/\/manyhands\.example([^"]+)"/g)].map(
    ([, path]) => path ?? '',
  )
  assert.equal(paths.length, 4)
  for (const path of paths) {
    const answer = await site.http.get(path).expect(200)
    assert.equal(answer.headers['cross-origin-resource-policy'], 'cross-origin')
  }
})

test('a presenter host has nothing but what a ticket names', async () => {
  const { id } = birds.project
  const ticket = await ticketFor()
  await onHost(id, '/').expect(403)
  await onHost(id, '/?ticket=forged').expect(403)
  await onHost(id, `/?ticket=${ticket}&ticket=${ticket}`).expect(403)
  await onHost(id + 1, `/?ticket=${ticket}`).expect(403)
  for (const path of [
    '/project/',
    '/account/signin',
    '/api/project',
    '/static/site.css',
    '/presenter-frame',
  ]) {
    const answer = await onHost(id, `${path}?ticket=${ticket}`).expect(404)
    assert.equal(answer.headers['set-cookie'], undefined)
  }
})

test('a presenter host takes no forms and no calls, with whatever cookies they come', async () => {
  const { port } = new URL(site.url)
  await birds.owner.http
    .post('/api/taskrun')
    .set('Host', `p${birds.project.id}.presenter.localhost:${port}`)
    .send({ project_id: birds.project.id, task_id: birds.taskIds[0], info: 'x' })
    .expect(404)
})

test('tickets are of one purpose and expire', async () => {
  const payload = {
    project: birds.project.id,
    shown: { version: birds.version.id },
    site: SITE,
    locale: 'en',
  }
  const { sealer } = site.app
  await onHost(birds.project.id, `/?ticket=${await sealer.seal('session', payload, 300)}`).expect(403)
  await onHost(birds.project.id, `/?ticket=${await sealer.seal('presenter', payload, -5)}`).expect(403)
  await onHost(birds.project.id, `/?ticket=${await sealer.seal('presenter', { project: 1 }, 300)}`).expect(
    403,
  )
})

test("a ticket for another project's version shows nothing", async () => {
  const other = await buildPresenterProject(site, BIRDS, [{ picture: 'x' }])
  const ticket = await ticketFor({ shown: { version: other.version.id } })
  await onHost(birds.project.id, `/?ticket=${ticket}`).expect(404)
  await onHost(birds.project.id, `/?ticket=${await ticketFor({ shown: { version: 999_999 } })}`).expect(404)
})

test('while the database is away a frame says so and asks to try again', async (t) => {
  const away = await startTestApp(t, {
    DATABASE_READ_URL: 'postgresql://app_ro@127.0.0.1:1/none',
    LOG_LEVEL: 'silent',
  })
  const ticket = await ticketFor()
  const { port } = new URL(away.url)
  await away.http
    .get(`/?ticket=${ticket}`)
    .set('Host', `p${birds.project.id}.presenter.localhost:${port}`)
    .expect(503, /Try again soon/)
    .expect('Content-Security-Policy', /sandbox/)
})

test('settings that are not saved yet are shown from the ticket alone', async () => {
  const settings = {
    question: 'End </script><script>alert(1)</script>',
    choices: ['a', 'b'],
    pictureColumn: 'p',
  }
  const ticket = await ticketFor({ shown: { draft: { template: 'image-classification', settings } } })
  const { text } = await onHost(birds.project.id, `/?ticket=${ticket}`).expect(200)
  assert.deepEqual(embedded(text), { site: SITE, template: 'image-classification', settings })
  assert.doesNotMatch(text, /<script>alert/)
})

test("an owner's code is served byte for byte, after the script that makes pybossa", async () => {
  const code = 'é{{x}}\r\n<b>{% raw %}</b>\t<script>run("</p>")</script> 🐦'
  const version = await withCode(code)
  const answer = await onHost(birds.project.id, `/?ticket=${await ticketFor({ shown: { version } })}`).expect(
    200,
  )
  assert.ok(answer.text.includes(code))
  assert.ok(answer.text.indexOf('presenter-code') < answer.text.indexOf(code))
  assert.match(answer.text, /<div id="PYBOSSA_USER_LOCALE" hidden>de<\/div>/)
  assert.match(
    answer.headers['content-security-policy'] ?? '',
    /frame-ancestors https:\/\/manyhands\.example$/,
  )
})

test("on the site's own host a presenter is an opaque sandbox", async () => {
  for (const shown of [{ version: birds.version.id }, { version: await withCode('<p>Hello</p>') }]) {
    const ticket = await ticketFor({ shown })
    const answer = await birds.owner.http.get(`/presenter-frame?ticket=${ticket}`).expect(200)
    const [, sandbox = ''] = /sandbox ([^;]+)/.exec(answer.headers['content-security-policy'] ?? '') ?? []
    assert.ok(sandbox.split(' ').includes('allow-scripts'))
    assert.ok(!sandbox.includes('allow-same-origin') && !sandbox.includes('top-navigation'))
    assert.equal(answer.headers['set-cookie'], undefined)
  }
  const ticket = await ticketFor()
  const { shortName } = birds.project
  await site.http.get(`/presenter-frame/project/${shortName}/task/7?ticket=${ticket}`).expect(200)
  await site.http.get(`/presenter-frame/account/signin?ticket=${ticket}`).expect(404)
  const picture = await site.http.get('/presenter-frame/media/demo/hubble-001.jpg').expect(200)
  assert.equal(picture.headers['access-control-allow-origin'], '*')
  await site.http.post('/presenter-frame/media/demo/hubble-001.jpg').expect(404)
  const refused = await site.http.get('/presenter-frame').expect(403)
  assert.match(refused.headers['content-security-policy'] ?? '', /sandbox/)
  await site.http.post('/presenter-frame').expect(404)
})
