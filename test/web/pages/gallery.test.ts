import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../support/builders.ts'
import type { BuiltProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const owner = await site.user()

const FEATURED = '/project/category/featured/'

/** What a page says as JSON. */
async function jsonOf(path: string): Promise<Body> {
  return (await site.http.get(path).query({ response_format: 'json' }).expect(200)).body as Body
}

const shownAt = async (path: string) =>
  ((await jsonOf(path))['projects'] as { short_name: string }[]).map(({ short_name: name }) => name)

const featured = async (id: number) =>
  (await rowsOf<{ featured: boolean }>(site, 'select featured from project where id = $1', [id]))[0]?.featured

const program = (method: 'post' | 'delete', id: number, http = admin.http) =>
  http[method](`/admin/featured/${id}`).set('Content-Type', 'application/json')

async function newCategory(projects = 0): Promise<{ id: number; shortName: string; built: BuiltProject[] }> {
  const shortName = `c-${randomUUID().slice(0, 8)}`
  const form = { name: `Birds ${shortName}`, shortName, description: 'All of them' }
  await admin.http.post('/admin/categories').type('form').send(form).expect(302)
  const [category] = await rowsOf<{ id: number }>(site, 'select id from category where short_name = $1', [
    shortName,
  ])
  const id = category?.id ?? 0
  const built: BuiltProject[] = []
  for (let n = 0; n < projects; n += 1) built.push(await publishedProject(site, owner))
  await rowsOf(site, 'update project set category_id = $1 where id = any($2)', [
    id,
    built.map((one) => one.id),
  ])
  await waitForReplica()
  return { id, shortName, built }
}

test('admins feature projects by PyBossa’s addresses; everybody sees it by the next request', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  for (const path of ['/', FEATURED]) await site.http.get(path).expect(200)
  assert.deepEqual(await shownAt(FEATURED), [])

  const set = await program('post', id).expect(200)
  assert.deepEqual(
    [(set.body as Body)['id'], (set.body as Body)['short_name'], (set.body as Body)['featured']],
    [id, shortName, true],
  )
  assert.deepEqual((await program('post', id).expect(415)).body, {
    error: `Project.id ${id} already featured`,
    status_code: 415,
  })
  assert.deepEqual(await shownAt(FEATURED), [shortName])
  await site.http.get('/').expect(200, /<h2 id="featured">Featured<\/h2>/)
  const home = await jsonOf('/')
  assert.deepEqual(
    [home['featured'], home['open']].map((list) => (list as Body[]).map((card) => card['id'])),
    [[id], []],
    'and not among the others',
  )
  const change = 'select user_id, attribute, after from change where project_id = $1 order by id desc limit 1'
  assert.deepEqual(await rowsOf(site, change, [id]), [
    { user_id: admin.id, attribute: 'featured', after: true },
  ])

  assert.equal(((await program('delete', id).expect(200)).body as Body)['featured'], false)
  assert.deepEqual((await program('delete', id).expect(415)).body, {
    error: `Project.id ${id} is not featured`,
    status_code: 415,
  })
  assert.deepEqual(await shownAt(FEATURED), [])
  const { text } = await site.http.get('/').expect(200)
  assert.doesNotMatch(text, /id="featured"/)
})

test('nobody else features projects, and what is none or a draft is not featured', async () => {
  const { id } = await publishedProject(site, owner)
  const draft = await draftProject(site, owner)
  assert.equal(((await program('post', 999_999).expect(404)).body as Body)['status_code'], 404)
  const refused = (await program('post', draft.id).expect(415)).body as Body
  assert.match(String(refused['error']), /A draft cannot be featured/)
  for (const method of ['post', 'delete'] as const) {
    await program(method, id, owner.http).expect(403)
    await program(method, id, site.http).expect(401)
  }
  await owner.http.get('/admin/featured').expect(403)
  await owner.http.post(`/admin/featured/${id}/add`).expect(403)
  await site.http.get('/admin/featured').expect(302)
  assert.equal(await featured(id), false)
})

test('admins find a project on a page, feature it by a button and take it off again', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  await admin.http
    .get('/account/profile')
    .expect(200, /href="\/admin\/featured"[\s\S]*href="\/admin\/categories"/)
  const found = await admin.http.get('/admin/featured').query({ search: shortName.toUpperCase() }).expect(200)
  assert.match(found.text, new RegExp(`action="/admin/featured/${id}/add"`))
  await admin.http
    .get('/admin/featured')
    .query({ search: '%' })
    .expect(200, /No published project has this name/)
  await admin.http.post(`/admin/featured/${id}/add`).expect(302).expect('Location', '/admin/featured')
  await waitForReplica()
  const page = await admin.http.get('/admin/featured').expect(200)
  assert.match(page.text, /Built built-\w+ is featured now/)
  assert.match(page.text, new RegExp(`action="/admin/featured/${id}/remove"`))
  await admin.http.post(`/admin/featured/${id}/add`).expect(409)
  const json = (await admin.http.get('/admin/featured').query({ response_format: 'json' }).expect(200))
    .body as {
    projects: Record<string, Body[]>
    categories: Body[]
    form: { csrf: string }
  }
  assert.ok(json.projects['thinking']?.some((card) => card['id'] === id && card['featured'] === true))
  assert.ok(json.categories.some((category) => category['short_name'] === 'sensing'))
  assert.ok(json.form.csrf)
  await admin.http.post(`/admin/featured/${id}/remove`).expect(302)
  assert.equal(await featured(id), false)
  await admin.http.get('/admin/featured?page=2').expect(200, /rel=|No published|Previous/)
})

test('a category’s projects are paged, in PyBossa’s shape and order, liveliest first', async () => {
  const { id, shortName, built } = await newCategory(3)
  const [first, second, third] = built
  assert.ok(first && second && third)
  await rowsOf(
    site,
    `insert into project (name, short_name, description, owner_id, category_id, published, secret_key_sealed)
     select 'Filler ' || n || $2, 'filler-' || n || $2, 'x', $3, $1, true, 'x' from generate_series(1, 20) n`,
    [id, shortName, owner.id],
  )
  await rowsOf(site, 'update project_total set last_activity = now() where project_id = $1', [second.id])
  await rowsOf(site, 'update project_total set n_completed_tasks = n_tasks where project_id = $1', [first.id])
  await waitForReplica()
  const path = `/project/category/${shortName}/`
  const page = await jsonOf(path)
  assert.deepEqual(page['pagination'], { page: 1, per_page: 20, total: 23, next: true, prev: false })
  assert.equal(page['count'], 23)
  assert.deepEqual(page['active_cat'], {
    id,
    name: `Birds ${shortName}`,
    short_name: shortName,
    description: 'All of them',
    n_projects: 23,
  })
  const tabs = (page['categories'] as Body[]).map((category) => category['short_name'])
  assert.equal(tabs[0], 'featured')
  assert.ok(tabs.includes(shortName))
  const [top] = page['projects'] as Body[]
  assert.deepEqual(
    [top?.['short_name'], top?.['n_tasks'], top?.['overall_progress']],
    [second.shortName, 1, 0],
  )
  const names = [...(await shownAt(path)), ...(await shownAt(`${path}page/2/`))]
  assert.equal(new Set(names).size, 23)
  assert.equal(names.indexOf(third.shortName), 1, 'what is done stands behind')
  await site.http.get(path).expect(200, new RegExp(`rel="next" href="${path}page/2/"`))
  await site.http
    .get(`${path}page/2/`)
    .expect(200, new RegExp(`rel="prev" href="${path}"[\\s\\S]*21 to 23 of 23`))

  const byName = await shownAt(`${path}page/2/?orderby=name&desc=true`)
  assert.deepEqual(
    byName.slice(-1),
    names
      .filter((name) => name.startsWith('built'))
      .sort()
      .slice(0, 1),
  )
  await site.http.get(`${path}?orderby=name&desc=true`).expect(200, /page\/2\/\?orderby=name&amp;desc=true/)
  for (const order of ['n_volunteers', 'overall_progress', 'last_activity', 'created'])
    await site.http.get(`${path}?orderby=${order}`).expect(200)
  await site.http.get(`${path}?orderby=secret_key`).expect(400, /ordered by one of id, name/)
  for (const none of [
    `${path}page/3/`,
    `${path}page/0/`,
    `${path}page/x/`,
    '/project/category/none/',
    '/project/category/%00/',
  ])
    await site.http.get(none).expect(404)
  await site.http.get(path.slice(0, -1)).expect(({ status }) => {
    assert.ok(status === 200 || status === 301)
  })
  await site.http.get('/project/').expect(200, new RegExp(`href="${path}"`))
})

test('admins add, change and delete categories, and lists follow at once', async () => {
  const { id, shortName } = await newCategory(1)
  const path = `/project/category/${shortName}/`
  await site.http.get(path).expect(200, /All of them/)
  const update = `/admin/categories/update/${id}`
  await admin.http.get(update).expect(200, new RegExp(`value="${shortName}"`))
  const form = { name: `Bees ${shortName}`, shortName, description: 'And wasps' }
  await admin.http.post(update).type('form').send(form).expect(302).expect('Location', '/admin/categories')
  await site.http.get(path).expect(200, /And wasps/)
  await site.http.get('/project/').expect(200, new RegExp(`Bees ${shortName}`))

  await admin.http
    .post(update)
    .type('form')
    .send({ ...form, name: 'Thinking' })
    .expect(422, /Another category has this name/)
  const { text } = await admin.http
    .post('/admin/categories')
    .type('form')
    .send({ name: 'Featured', description: 'No' })
    .expect(422, /one of the site’s own addresses/)
  assert.match(text, /id="shortName-error"/)
  await admin.http
    .post('/admin/categories')
    .type('form')
    .send({ name: 'Only' })
    .expect(422, /id="description-error"/)

  // Its short name is made of its name, PyBossa's clients send it as JSON.
  const made = `Wild Cats ${randomUUID().slice(0, 4)}`
  const csrf = ((await admin.http.get('/admin/categories').query({ response_format: 'json' })).body as Body)[
    'form'
  ]
  assert.ok(csrf)
  await admin.http
    .post('/admin/categories')
    .send({ name: made, description: 'Cats' })
    .expect(200, /"next":"\/admin\/categories"/)
  await waitForReplica()
  const listed = (await admin.http.get('/admin/categories').query({ response_format: 'json' })).body as {
    categories: { id: number; name: string; short_name: string }[]
    n_projects_per_category: Record<string, number>
  }
  assert.equal(listed.n_projects_per_category[shortName], 1)
  const cats = listed.categories.find(({ name }) => name === made)
  assert.equal(cats?.short_name, made.toLowerCase().replaceAll(' ', '-'))

  await admin.http.get(`/admin/categories/del/${id}`).expect(200, /1 project is in it/)
  await admin.http.post(`/admin/categories/del/${id}`).expect(422, /move them first/)
  await admin.http
    .post(`/admin/categories/del/${id}`)
    .type('form')
    .send({ moveTo: String(cats.id) })
    .expect(302)
  await site.http.get(path).expect(404)
  assert.equal((await shownAt(`/project/category/${cats.short_name}/`)).length, 1)
  await admin.http.get('/admin/categories').expect(200, /The category Bees/)
  await admin.http.get(`/admin/categories/del/${id}`).expect(404)
})

test('only admins change categories; the last one stays', async () => {
  const { id } = await newCategory()
  for (const path of ['', `/update/${id}`, `/del/${id}`]) {
    const address = `/admin/categories${path}`
    await owner.http.get(address).expect(403)
    await owner.http.post(address).type('form').send({ name: 'Mine', description: 'Mine' }).expect(403)
    await site.http.get(address).expect(302)
  }
  await rowsOf(site, 'update project set category_id = $1', [id])
  await rowsOf(site, 'delete from category where id <> $1', [id])
  await waitForReplica()
  await admin.http.get(`/admin/categories/del/${id}`).expect(200, /the last category/)
  await admin.http.post(`/admin/categories/del/${id}`).expect(422, /The last category stays/)
})

test('an owner chooses the category of a project', async () => {
  const { id, shortName } = await newCategory()
  const project = await publishedProject(site, owner)
  const path = `/project/${project.shortName}/update`
  const page = await owner.http.get(path).expect(200)
  assert.match(page.text, new RegExp(`<option value="${id}"`))
  const form = { name: `Moved ${project.shortName}`, description: 'Birds', longDescription: '' }
  await site.http.get(`/project/category/${shortName}/`).expect(200, /No projects here yet/)
  await owner.http
    .post(path)
    .type('form')
    .send({ ...form, categoryId: String(id) })
    .expect(302)
  assert.deepEqual(await shownAt(`/project/category/${shortName}/`), [project.shortName])
  for (const categoryId of ['999999', 'birds'])
    await owner.http
      .post(path)
      .type('form')
      .send({ ...form, categoryId })
      .expect(422, /category_id does not exist/)
  await owner.http.post(path).type('form').send(form).expect(302)
  assert.deepEqual(await shownAt(`/project/category/${shortName}/`), [project.shortName])
})
