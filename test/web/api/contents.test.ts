import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, bodyOf, by, listOf, refusal } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { addOwner, draftProject, publishedProject } from '../../support/builders.ts'
import type { BuiltProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

// Blog posts, helping materials and pages: what owners write beside the tasks of a project.

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const owner = await site.user()
const coOwner = await site.user()
const stranger = await site.user()

interface Noun {
  path: string
  /** What it cannot be without. */
  least: Body
  /** All that may be given besides, and what is stored where it is not. */
  more: Body
  defaults: Body
}

const NOUNS: Noun[] = [
  {
    path: 'blogpost',
    least: { title: 'Half way', body: 'Half of all birds are found.' },
    more: { published: true },
    defaults: { published: false },
  },
  {
    path: 'helpingmaterial',
    least: {},
    more: { priority: '0.5' },
    defaults: { priority: 0 },
  },
  {
    path: 'page',
    least: { slug: 'how-to' },
    more: {},
    defaults: {},
  },
]

async function created(
  { path, least }: Noun,
  { id }: BuiltProject,
  fields: Body = {},
  who: TestUser = owner,
): Promise<Body> {
  const response = await by(who, site.http.post(`/api/${path}`))
    .send({ ...least, project_id: id, ...fields })
    .expect(200)
  await waitForReplica()
  return response.body as Body
}

async function listed(path: string, query: Body, who?: TestUser): Promise<unknown[]> {
  const request = site.http.get(`/api/${path}`).query(query)
  const objects = await listOf(who ? by(who, request) : request)
  return objects.map(({ id }) => id)
}

for (const noun of NOUNS) {
  const { path, least, more, defaults } = noun

  test(`a ${path} is created, read, changed and deleted`, async () => {
    const project = await publishedProject(site, owner)
    const { id, created: time, updated, user_id: userId, ...rest } = await created(noun, project)
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/)
    assert.deepEqual([updated, userId], path === 'blogpost' ? [time, owner.id] : [undefined, undefined])
    assert.deepEqual(rest, { ...least, ...defaults, project_id: project.id, info: {}, media_url: null })

    const address = `/api/${path}/${String(id)}`
    const given = { ...least, ...more, info: { a: [1] }, media_url: 'https://example.org/a.png' }
    const changed = await bodyOf(by(owner, site.http.put(address)).send(given))
    assert.deepEqual([changed['info'], changed['media_url']], [given.info, given.media_url])
    if ('priority' in more) assert.equal(changed['priority'], 0.5)
    await waitForReplica()
    const { link, links, ...read } = await bodyOf(site.http.get(address))
    assert.deepEqual(read, changed)
    assert.equal(link, `<link rel='self' title='${path}' href='${site.url}${address}'/>`)
    assert.deepEqual(links, [
      `<link rel='parent' title='project' href='${site.url}/api/project/${project.id}'/>`,
    ])

    // Null asks for the default, and what GET shows may come back.
    const { created: _, updated: __, user_id: ___, id: ____, ...back }: Body = { ...read, link, links }
    await by(owner, site.http.put(address)).send(back).expect(200)
    const nulls = Object.fromEntries(Object.keys(defaults).map((key) => [key, null]))
    const put = by(owner, site.http.put(address))
    const cleared = await bodyOf(put.send({ ...nulls, info: null, media_url: null }))
    assert.deepEqual(cleared, { ...changed, ...defaults, info: {}, media_url: null, ...newTime(cleared) })
    await by(owner, site.http.put(address)).send({}).expect(200)

    await by(owner, site.http.delete(address)).send('null').expect(204)
    await waitForReplica()
    await assertRefused(site.http.get(address), [404, 'NotFound'])
    await assertRefused(by(owner, site.http.put(address)).send({}), [404, 'NotFound'])
    await assertRefused(by(owner, site.http.delete(address)), [404, 'NotFound'])
  })

  test(`a ${path} is written by owners and admins only`, async () => {
    const project = await publishedProject(site, owner)
    await addOwner(site, project, coOwner)
    const { id } = await created(noun, project)
    const asks = [
      () => site.http.post(`/api/${path}`).send({ ...least, project_id: project.id }),
      () => site.http.put(`/api/${path}/${String(id)}`).send({ info: { b: 1 } }),
      () => site.http.delete(`/api/${path}/${String(id)}`),
    ]
    for (const ask of asks) {
      await assertRefused(ask(), [401, 'Unauthorized'])
      await assertRefused(by(stranger, ask()), [403, 'Forbidden'])
    }
    for (const writer of [coOwner, admin]) {
      const { id: own } = await created(noun, project, {}, writer)
      await by(writer, site.http.put(`/api/${path}/${String(own)}`))
        .send({ info: { c: 1 } })
        .expect(200)
      await by(writer, site.http.delete(`/api/${path}/${String(own)}`)).expect(204)
    }
    const { target, action } = await refusal(site.http.delete(`/api/${path}/${String(id)}`))
    assert.deepEqual([target, action], [path, 'DELETE'])
  })

  test(`a ${path} of a draft is shown to owners and admins only`, async () => {
    const draft = await draftProject(site, owner)
    await addOwner(site, draft, coOwner)
    const { id } = await created(noun, draft, more)
    const address = `/api/${path}/${String(id)}`
    await assertRefused(site.http.get(address), [401, 'Unauthorized'])
    await assertRefused(by(stranger, site.http.get(address)), [403, 'Forbidden'])
    const query = { project_id: draft.id, all: 1 }
    for (const who of [owner, coOwner, admin]) {
      await by(who, site.http.get(address)).expect(200)
      assert.deepEqual(await listed(path, query, who), [id])
    }
    for (const who of [undefined, stranger]) assert.deepEqual(await listed(path, query, who), [])
  })

  test(`a list of ${path} holds what its query asks for, of own projects unless all=1`, async () => {
    const project = await publishedProject(site, owner)
    await addOwner(site, project, coOwner)
    const first = await created(noun, project, { ...more, info: { k: 'one' } })
    const second = await created(noun, project, { ...more, info: { k: 'two' } })
    const query = { project_id: project.id }
    const both = [first['id'], second['id']]
    assert.deepEqual(await listed(path, query), both)
    assert.deepEqual(await listed(path, query, owner), both)
    assert.deepEqual(await listed(path, query, stranger), [])
    assert.deepEqual(await listed(path, query, coOwner), [])
    assert.deepEqual(await listed(path, { ...query, all: 1 }, stranger), both)
    assert.deepEqual(await listed(path, { ...query, limit: 1, last_id: String(first['id']) }), [second['id']])
    assert.deepEqual(await listed(path, { ...query, desc: true, limit: 1 }), [second['id']])
    assert.deepEqual(await listed(path, { ...query, info: '{"k": "one"}' }), [first['id']])
    assert.deepEqual(await listed(path, { ...query, created: String(first['created']) }), [first['id']])
    for (const [field, value] of Object.entries(least))
      assert.deepEqual(await listed(path, { ...query, [field]: value }), both)
    await assertRefused(site.http.get(`/api/${path}`).query({ colour: 1 }), [415, 'AttributeError'])
    await assertRefused(site.http.get(`/api/${path}`).query({ id: 'x' }), [415, 'DataError'])
  })

  test(`what cannot be a ${path} is refused with its reason`, async () => {
    const project = await publishedProject(site, owner)
    const cases: [Body | string, number, string, RegExp][] = [
      [{ ...least }, 415, 'DBIntegrityError', /project_id is required/],
      [{ ...least, project_id: 999_999 }, 404, 'NotFound', /project/],
      [{ ...least, project_id: project.id, id: 1 }, 400, 'BadRequest', /Reserved keys/],
      [{ ...least, project_id: project.id, created: 'now' }, 400, 'BadRequest', /Reserved keys/],
      [{ ...least, project_id: project.id, colour: 1 }, 415, 'TypeError', /'colour' is an invalid keyword/],
      [{ ...least, project_id: project.id, info: [] }, 415, 'DataError', /info/],
      ['[]', 415, 'AttributeError', /list/],
      ['no', 415, 'ValueError', /JSON/],
      ...Object.keys(least).flatMap((key): [Body, number, string, RegExp][] => {
        const { [key]: _, ...without }: Body = { ...least, project_id: project.id }
        const reason = new RegExp(`^${key} is required$`)
        return [
          [without, 415, 'DBIntegrityError', reason],
          [{ ...without, [key]: null }, 415, 'DBIntegrityError', reason],
          [{ ...without, [key]: {} }, 415, 'DataError', /a text is wanted/],
        ]
      }),
    ]
    const post = () => by(owner, site.http.post(`/api/${path}`)).type('json')
    for (const [sent, ...reason] of cases) await assertRefused(post().send(sent), reason)
    await assertRefused(post().query({ colour: 1 }).send({}), [415, 'AttributeError'])
    await waitForReplica()
    assert.deepEqual(await listed(path, { project_id: project.id, all: 1 }), [])

    const { id } = await created(noun, project)
    const put = (body: Body) => by(owner, site.http.put(`/api/${path}/${String(id)}`)).send(body)
    await assertRefused(put({ id: 5 }), [400, 'BadRequest'])
    await assertRefused(put({ project_id: project.id + 1 }), [415, 'DBIntegrityError', /stays in it/])
    for (const key of Object.keys(least)) await assertRefused(put({ [key]: null }), [415, 'DBIntegrityError'])
    for (const key of Object.keys(least).filter((name) => name !== 'body')) {
      await put({ [key]: 'x'.repeat(255) }).expect(200)
      await assertRefused(put({ [key]: 'x'.repeat(256) }), [415, 'DBIntegrityError', /too long/])
    }
    const long: Body = { media_url: 'x'.repeat(2_001), info: { x: 'x'.repeat(1_000_000) } }
    if ('body' in least) long['body'] = 'x'.repeat(200_001)
    for (const [key, value] of Object.entries(long))
      await assertRefused(put({ [key]: value }), [415, 'DBIntegrityError', /is too long: \d+ characters/])
  })

  test(`a ${path} goes with its project`, async () => {
    const project = await publishedProject(site, owner)
    const { id } = await created(noun, project)
    await by(owner, site.http.delete(`/api/project/${project.id}`)).expect(204)
    await waitForReplica()
    await assertRefused(site.http.get(`/api/${path}/${String(id)}`), [404, 'NotFound'])
  })
}

/** The time of change moves with each change, of what has one. */
function newTime({ updated }: Body): Body {
  return updated === undefined ? {} : { updated }
}

test('a post that is not published is shown to owners and admins only', async () => {
  const [post] = NOUNS
  assert.ok(post)
  const project = await publishedProject(site, owner)
  await addOwner(site, project, coOwner)
  const hidden = await created(post, project)
  const shown = await created(post, project, { published: 'true' })
  const address = `/api/blogpost/${String(hidden['id'])}`
  const query = { project_id: project.id, all: 1 }
  await assertRefused(site.http.get(address), [401, 'Unauthorized', /not published/])
  await assertRefused(by(stranger, site.http.get(address)), [403, 'Forbidden', /not published/])
  for (const who of [undefined, stranger])
    assert.deepEqual(await listed('blogpost', query, who), [shown['id']])
  for (const who of [owner, coOwner, admin]) {
    await by(who, site.http.get(address)).expect(200)
    assert.deepEqual(await listed('blogpost', query, who), [hidden['id'], shown['id']])
  }
})

test('the time of change of a post moves when it is changed', async () => {
  const [post] = NOUNS
  assert.ok(post)
  const { id, created: time } = await created(post, await publishedProject(site, owner))
  const changed = await bodyOf(
    by(owner, site.http.put(`/api/blogpost/${String(id)}`)).send({ title: 'Other' }),
  )
  assert.equal(changed['created'], time)
  assert.ok(String(changed['updated']) > String(time))
})
