import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createServer } from '../../src/web/server.ts'
import type { Body } from '../support/api.ts'
import { startTestApp } from '../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { waitForReplica } from '../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const json = { 'Content-Type': 'application/json' }

test('a page is JSON by the content type of the request, by its address, or by what is accepted', async () => {
  const path = '/about'
  for (const headers of [
    json,
    { Accept: 'application/json' },
    { Accept: 'application/json, text/javascript, */*; q=0.01' },
  ])
    await site.http
      .get(path)
      .set(headers)
      .expect(200)
      .expect('Content-Type', /^application\/json/)
  await site.http.get(`${path}?response_format=json`).expect('Content-Type', /^application\/json/)
  await site.http
    .get(path)
    .set(json)
    .send('{}')
    .expect('Content-Type', /^application\/json/)
  for (const headers of [
    {},
    { Accept: '*/*' },
    { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' },
    { Accept: 'text/html, application/json' },
    { 'Content-Type': 'application/json; charset=utf-8' },
  ])
    await site.http
      .get(path)
      .set(headers)
      .expect(200)
      .expect('Content-Type', /^text\/html/)
})

test('the JSON of a page says its template and title and is never cached, whatever its page allows', async () => {
  const { shortName } = await publishedProject(site, owner)
  await rowsOf(site, 'update project set name = $1 where short_name = $2', ['Birds & <bees>', shortName])
  await waitForReplica()
  const path = `/project/${shortName}/`
  const response = await site.http.get(path).set(json).expect(200)
  const body = response.body as Body
  assert.equal(body['template'], 'projects/show.html')
  assert.match(String(body['title']), /^Birds & <bees>/)
  assert.equal(typeof body['csrf'], 'string')
  assert.equal(response.headers['cache-control'], 'private, no-store')
  const page = await site.http.get(path).expect(200)
  assert.match(String(page.headers['cache-control']), /s-maxage/)
  assert.equal(response.headers['vary'], 'Cookie, Accept, Content-Type')
  assert.equal(page.headers['vary'], 'Cookie, Accept, Content-Type, Accept-Encoding')
})

test('a form is its fields, their faults and a token; it goes back as JSON and tells where it leads', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = `/project/${shortName}/update`
  const got = (await owner.http.get(path).set(json).expect(200)).body as Body
  const form = got['form'] as Body
  assert.deepEqual(Object.keys(form).sort(), [
    'allowAnonymousContributors',
    'categoryId',
    'csrf',
    'description',
    'errors',
    'licence',
    'longDescription',
    'name',
    'webhook',
  ])
  assert.deepEqual(form['errors'], {})
  const send = (body: object, token = String(form['csrf'])) =>
    owner.http.post(path).set('X-CSRFToken', token).send(body)
  const refused = (await send({ ...form, name: '' }).expect(200)).body as Body
  assert.deepEqual([refused['status'], refused['flash']], ['error', 'There is a problem'])
  assert.equal(
    typeof ((refused['form'] as Body)['errors'] as Record<string, string[]>)['name']?.[0],
    'string',
  )
  const saved = await send({ ...form, description: 'Anew', longDescription: null }).expect(200)
  assert.deepEqual(saved.body, {
    next: `/project/${shortName}/tasks/`,
    status: 'success',
    flash: 'Your settings are saved.',
  })
  assert.equal(saved.headers['location'], undefined)
  assert.doesNotMatch(String(saved.headers['set-cookie']), /flash=/)
  const [row] = await rowsOf(
    site,
    'select description, long_description as long from project where short_name = $1',
    [shortName],
  )
  assert.deepEqual(row, { description: 'Anew', long: '' })
  await send({ ...form }, 'made-up.token').expect(400, /CSRF/)
  // A token proves nothing: a form from another site stays refused.
  await send({ ...form })
    .set('Origin', 'https://evil.example')
    .expect(403)
  await owner.http
    .post(path)
    .send({ ...form, csrf: undefined })
    .expect(200)
})

test('passwords are not given back; somebody who asks for JSON is told to sign in instead of led there', async () => {
  const typed = { name: 'x', password: 'not to be repeated' }
  const response = await site.http.post('/account/register').send(typed).expect(200)
  assert.ok(!response.text.includes(typed.password))
  assert.equal((response.body as Body)['status'], 'error')
  const refused = await site.http.get('/account/profile').set(json).expect(401)
  const said = refused.body as Body
  assert.deepEqual([said['template'], said['code']], ['401.html', 401])
  await site.http
    .get('/account/profile')
    .set({ ...json, Accept: 'text/html' })
    .expect(401)
})

test('what a page before left to be said is in the JSON of the next one', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = `/project/${shortName}/update`
  const form = { name: `N ${shortName}`, description: 'D', longDescription: '' }
  await owner.http.post(path).type('form').send(form).expect(302)
  const next = (await owner.http.get(`/project/${shortName}/tasks/`).set(json).expect(200)).body as Body
  assert.deepEqual([next['status'], next['flash']], ['success', 'Your settings are saved.'])
  const again = (await owner.http.get(`/project/${shortName}/tasks/`).set(json).expect(200)).body as Body
  assert.ok(!('flash' in again))
})

test('tasks are added by JSON, as by a form', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = `/project/${shortName}/tasks/import`
  const drafted = (await owner.http.post(path).send({ text: 'a,b\n1,2' }).expect(200)).body as Body
  assert.match(String(drafted['next']), new RegExp(`^${path}/\\d+$`))
})

test('the JSON of every page tells nothing that its HTML does not show', async () => {
  const project = await publishedProject(site, owner, { tasks: 2 })
  await rowsOf(
    site,
    `insert into mail (recipient, subject, text_body, html_body) values ($1, 'Subject', 'Body', '<p>x</p>')`,
    [owner.email],
  )
  await waitForReplica()
  const { routes } = await createServer(site.app)
  const paths = routes
    .filter(({ method, path }) => method === 'GET' && !path.startsWith('/api') && !path.endsWith('z'))
    .map(({ path }) =>
      path
        .replace(':shortName', project.shortName)
        .replace(':taskId', String(project.taskIds[0]))
        .replace(':name', owner.name)
        .replace(/:\w+/, '1'),
    )
  assert.ok(paths.length > 20)
  const untoldOf: string[] = []
  let compared = 0
  for (const path of paths) {
    const page = await owner.http.get(path)
    if (page.status !== 200 || !String(page.headers['content-type']).startsWith('text/html')) continue
    compared += 1
    const response = await owner.http.get(path).set(json).expect(200)
    const { csrf: _, template: __, form, ...view } = response.body as Body
    const { csrf: ___, ...fields } = (form ?? {}) as Body
    const untold = texts({ view, fields }).filter(([, text]) => !plain(page.text).includes(plain(text)))
    for (const [at, text] of untold) if (!HARMLESS.test(at)) untoldOf.push(`${path} ${at} ${text}`)
  }
  assert.deepEqual(untoldOf, [])
  assert.ok(compared > 15, String(compared))
})

/** Of the person themselves, on a project's or category's public page, made anew for each page, or the same for all. */
const HARMLESS =
  /\.((project|projects\.\w+\.\d+|shown\.\d+|category|categories\.\d+)\.description|created|asOf|recipient|frame\.url)$|\.steps\.|\.view\.fields\.\d|\.versions\.\d+\.template$/

/** Every text of some length within a value, with where it is. */
function texts(value: unknown, at = ''): [string, string][] {
  if (typeof value === 'string') return value.length > 11 ? [[at, value]] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => texts(inner, `${at}.${key}`))
}

/** Without what HTML writes in its own way. */
function plain(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);|["'&<>\s]/g, '')
}
