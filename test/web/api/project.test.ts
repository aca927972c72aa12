import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { assertRefused, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, externalContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const owner = await site.user()
const stranger = await site.user()

function newName(): string {
  return `p-${randomUUID().slice(0, 8)}`
}

async function created(fields: Body = {}): Promise<Body> {
  const name = newName()
  const body = { name, short_name: name, description: 'Birds or none.', ...fields }
  const response = await by(owner, site.http.post('/api/project')).send(body).expect(200)
  await waitForReplica()
  return response.body as Body
}

test('a project is created, read, changed and deleted', async () => {
  const project = await created({
    long_description: 'Long.',
    info: { task_presenter: '<p>One</p>', tutorial: '<p>How</p>', sched: 'default', own: 1 },
    allow_anonymous_contributors: 'false',
    category_id: '1',
    webhook: null,
  })
  const path = `/api/project/${String(project['id'])}`
  assert.equal(project['owner_id'], owner.id)
  assert.deepEqual(project['owners_ids'], [owner.id])
  assert.equal(project['published'], false)
  assert.equal(project['allow_anonymous_contributors'], false)
  assert.match(String(project['secret_key']), /^.{20,}$/)
  assert.deepEqual(project['info'], {
    task_presenter: '<p>One</p>',
    tutorial: '<p>How</p>',
    sched: 'default',
    own: 1,
  })
  assert.equal('link' in project, false)

  const read = (await by(owner, site.http.get(path)).expect(200)).body as Body
  assert.match(String(read['link']), new RegExp(`${path}'/>$`))
  assert.deepEqual({ ...read, link: 0, links: 0 }, { ...project, link: 0, links: 0 })

  // What GET gave is taken back as it is, as PyBossa's command-line tool sends it.
  const { id: _, created: __, updated: ___, contacted: ____, secret_key: _____, ...whole } = read
  const { published: ______, ...sent } = whole
  const changed = await by(owner, site.http.put(path))
    .send({
      ...sent,
      name: `${String(project['name'])} new`,
      long_description: null,
      webhook: 'https://hooks.example.org/',
      zip_download: 'no',
      licence: 'CC-BY-4.0',
      info: { ...(read['info'] as Body), task_presenter: '<p>Two</p>' },
    })
    .expect(200)
  const after = changed.body as Body
  assert.equal(after['name'], `${String(project['name'])} new`)
  assert.equal(after['long_description'], null)
  assert.equal(after['webhook'], 'https://hooks.example.org/')
  assert.equal(after['zip_download'], false)
  assert.equal(after['licence'], 'CC-BY-4.0')
  await by(owner, site.http.put(path))
    .send({ licence: 'All mine' })
    .expect(415, /Choose one of CC0-1\.0/)
  assert.equal((after['info'] as Body)['task_presenter'], '<p>Two</p>')

  const changes = await rowsOf<{ attribute: string }>(
    site,
    'select attribute from change where project_id = $1 order by 1',
    [project['id']],
  )
  assert.ok(changes.some(({ attribute }) => attribute === 'name'))

  await by(owner, site.http.delete(path)).send('null').expect(204)
  await waitForReplica()
  await by(owner, site.http.get(path)).expect(404)
})

test('others see the public part of a published project and nothing of a draft', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  for (const request of [
    site.http.get(`/api/project/${id}`),
    by(stranger, site.http.get(`/api/project/${id}`)),
  ]) {
    const body = (await request.expect(200)).body as Body
    assert.equal(body['short_name'], shortName)
    for (const hidden of ['secret_key', 'webhook', 'published', 'contacted'])
      assert.equal(hidden in body, false)
  }
  for (const user of [owner, admin]) {
    const body = (await by(user, site.http.get(`/api/project/${id}`)).expect(200)).body as Body
    assert.equal(typeof body['secret_key'], 'string')
  }

  const draft = await draftProject(site, owner)
  const path = `/api/project/${draft.id}`
  await assertRefused(site.http.get(path), [401, 'Unauthorized', /draft: only its owners can see it/])
  await assertRefused(by(stranger, site.http.get(path)), [403, 'Forbidden'])
  await by(admin, site.http.get(path)).expect(200)
  const listed = await by(stranger, site.http.get('/api/project')).query({ all: 1, id: draft.id })
  assert.deepEqual(listed.body, [])
})

test('only owners and admins change or delete a project', async () => {
  const { id } = await publishedProject(site, owner)
  const path = `/api/project/${id}`
  for (const ask of [() => site.http.put(path).send({ name: 'Mine' }), () => site.http.delete(path)]) {
    await assertRefused(ask(), [401, 'Unauthorized'])
    await assertRefused(by(stranger, ask()), [403, 'Forbidden'])
  }
  await by(admin, site.http.put(path)).send({ description: 'By an admin.' }).expect(200)
})

test('what cannot be a project is refused with its reason, and nothing is stored', async () => {
  const taken = await created()
  const fresh = () => ({ name: newName(), short_name: newName(), description: 'Fine.' })
  const cases: [Body | string, number, string, RegExp][] = [
    [{ ...fresh(), name: taken['name'] }, 415, 'DBIntegrityError', /name/],
    [{ ...fresh(), short_name: taken['short_name'] }, 415, 'DBIntegrityError', /short name/],
    [{ ...fresh(), short_name: 'new' }, 415, 'ValueError', /used by the system/],
    [{ ...fresh(), short_name: 'with blank' }, 415, 'DBIntegrityError', /no blanks/],
    [{ ...fresh(), short_name: '.' }, 415, 'DBIntegrityError', /cannot be just/],
    [{ ...fresh(), short_name: ' .. ' }, 415, 'DBIntegrityError', /cannot be just/],
    [{ short_name: newName(), description: 'x' }, 415, 'DBIntegrityError', /Give the project a name/],
    [{ name: newName() }, 415, 'DBIntegrityError', /Choose a short name/],
    [{ ...fresh(), id: 5 }, 400, 'BadRequest', /^Reserved keys in payload$/],
    [{ ...fresh(), published: true }, 403, 'Forbidden', /cannot publish/],
    [
      { ...fresh(), colour: 'red' },
      415,
      'TypeError',
      /^'colour' is an invalid keyword argument for Project$/,
    ],
    [{ ...fresh(), info: [] }, 415, 'DataError', /info/],
    [{ ...fresh(), name: {} }, 415, 'DataError', /name: a text/],
    [{ ...fresh(), category_id: 'two' }, 415, 'DataError', /category_id: a whole number/],
    [{ ...fresh(), category_id: 999 }, 400, 'BadRequest', /^category_id does not exist$/],
    [{ ...fresh(), category_id: -1 }, 400, 'BadRequest', /^category_id does not exist$/],
    [{ ...fresh(), category_id: '99999999999999' }, 400, 'BadRequest', /^category_id does not exist$/],
    [{ ...fresh(), allow_anonymous_contributors: 'perhaps' }, 415, 'DataError', /true or false/],
    [{ ...fresh(), allow_anonymous_contributors: {} }, 415, 'DataError', /true or false/],
    ['[]', 415, 'AttributeError', /list/],
    ['5', 415, 'ValueError', /not a JSON object/],
    ['{"name":', 415, 'ValueError', /not valid JSON/],
    ['{"name": "a\\u0000b"}', 415, 'DataError', /body/],
  ]
  const count = async () => (await rowsOf(site, 'select id from project')).length
  const before = await count()
  for (const [sent, ...reason] of cases) {
    const request = by(owner, site.http.post('/api/project'))
    await assertRefused(request.set('Content-Type', 'application/json').send(sent), reason)
  }
  assert.equal(await count(), before)
  await assertRefused(site.http.post('/api/project').send(fresh()), [401, 'Unauthorized'])

  const path = `/api/project/${String(taken['id'])}`
  const another = await created()
  for (const change of [
    { short_name: another['short_name'] },
    { short_name: ` ${String(another['short_name'])} ` },
    { short_name: '..' },
    { name: '' },
    { name: null },
    { short_name: null },
    { description: null },
  ]) {
    await assertRefused(by(owner, site.http.put(path)).send(change), [415, 'DBIntegrityError'])
  }
  for (const short_name of ['tasks', ' tasks ']) {
    const request = by(owner, site.http.put(path)).send({ short_name })
    await assertRefused(request, [415, 'ValueError', /used by the system/])
  }
})

test('a project stays in its category when it is put into one that does not exist', async () => {
  const project = await created()
  const path = `/api/project/${String(project['id'])}`
  for (const category_id of [999, -1, 99_999_999_999_999]) {
    const request = by(owner, site.http.put(path)).send({ category_id, description: 'Moved.' })
    await assertRefused(request, [400, 'BadRequest', /^category_id does not exist$/])
  }
  const after = (await by(owner, site.http.get(path)).expect(200)).body as Body
  assert.equal(after['category_id'], project['category_id'])
  assert.equal(after['description'], project['description'])
})

test('a project with results is not deleted', async () => {
  const project = await publishedProject(site, owner)
  const who = await externalContributor(site, project)
  await who.newTask().expect(200)
  await who.submit(project.taskIds[0] ?? 0).expect(200)
  await assertRefused(by(owner, site.http.delete(`/api/project/${project.id}`)), [
    403,
    'Forbidden',
    /has results/,
  ])
})

test('texts may be numbers and flags words; the same presenter again is no new version', async () => {
  const info = { task_presenter: '<p>One</p>', tutorial: '<p>How</p>' }
  const project = await created({ description: 2026, allow_anonymous_contributors: 'yes', info })
  assert.equal(project['description'], '2026')
  assert.equal(project['allow_anonymous_contributors'], true)
  const path = `/api/project/${String(project['id'])}`
  const versions = async () =>
    (await rowsOf(site, 'select 1 from presenter_version where project_id = $1', [project['id']])).length
  await by(owner, site.http.put(path)).send({ info, webhook: null }).expect(200)
  assert.equal(await versions(), 1)
  await rowsOf(site, `update project set thumbnail_url = '/media/x.jpg' where id = $1`, [project['id']])
  await waitForReplica()
  const read = (await by(owner, site.http.get(path)).expect(200)).body as Body
  assert.equal((read['info'] as Body)['thumbnail_url'], '/media/x.jpg')
  const { tutorial: _, ...without } = info
  await by(owner, site.http.put(path)).send({ info: without }).expect(200)
  assert.equal(await versions(), 2)
})
