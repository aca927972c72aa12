import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { draftProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { BIRDS, buildPresenterProject } from '../../support/presenter-project.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()
const pathOf = (shortName: string) => `/project/${shortName}/tasks/taskpresentereditor/permissions`

test('an owner allows the presenter something, and takes it back', async () => {
  const { shortName, id } = await draftProject(site, owner)
  const path = pathOf(shortName)
  const save = (values: Record<string, string>) => owner.http.post(path).type('form').send(values)
  const ticked = async () => {
    await waitForReplica()
    const { text } = await owner.http.get(path).expect(200)
    return [...text.matchAll(/id="([\w-]+)" name="\1" type="checkbox" value="on"[^>]* checked/g)].map(
      ([, name]) => name,
    )
  }
  assert.deepEqual(await ticked(), [])
  await save({ camera: 'on', geolocation: 'on', usb: 'on' }).expect(302).expect('Location', path)
  assert.deepEqual(await ticked(), ['geolocation', 'camera'])
  await save({}).expect(302)
  assert.deepEqual(await ticked(), [])
  const changes = await rowsOf<{ before: unknown; after: unknown }>(
    site,
    `select before, after from change where project_id = $1 and attribute = 'framePermissions' order by id`,
    [id],
  )
  assert.deepEqual(changes, [
    { before: [], after: ['camera', 'geolocation'] },
    { before: ['camera', 'geolocation'], after: [] },
  ])
})

test('nobody else sees or changes what a presenter may ask for', async () => {
  const { shortName } = await draftProject(site, owner)
  await stranger.http.get(pathOf(shortName)).expect(403)
  await stranger.http.post(pathOf(shortName)).type('form').send({ camera: 'on' }).expect(403)
})

test('only pages with the presenter pass on what was allowed, to its origin alone', async () => {
  const { project, owner: maker } = await buildPresenterProject(site, BIRDS, [{ picture: 'x' }])
  const page = `/project/${project.shortName}`
  const none = 'camera=(), clipboard-write=(), geolocation=(), microphone=()'
  await site.http.get(`${page}/newtask`).expect('Permissions-Policy', none)
  await maker.http.post(pathOf(project.shortName)).type('form').send({ geolocation: 'on' }).expect(302)
  await waitForReplica()

  const { port } = new URL(site.url)
  const origin = `http://p${project.id}.presenter.localhost:${port}`
  const passedOn = none.replace('geolocation=()', `geolocation=(self "${origin}")`)
  const { text } = await site.http.get(`${page}/newtask`).expect('Permissions-Policy', passedOn)
  for (const path of ['', '/code'])
    await maker.http.get(`${page}/tasks/taskpresentereditor${path}`).expect('Permissions-Policy', passedOn)
  await site.http
    .get(page)
    .expect('Permissions-Policy', none.replace('clipboard-write=()', 'clipboard-write=(self)'))

  const [, address = ''] = /data-frame-url="([^"]+)"/.exec(text) ?? []
  const { pathname, search, host } = new URL(address)
  await site.http
    .get(pathname + search)
    .set('Host', host)
    .expect(200)
    .expect('Permissions-Policy', none.replace('geolocation=()', 'geolocation=(self)'))
})

test('where browsers give camera and microphone to no presenter, the owner is told', async () => {
  const { shortName } = await draftProject(site, owner)
  const warning = /Camera and microphone do not work on this site/
  const { text } = await owner.http.get(pathOf(shortName)).expect(200)
  assert.doesNotMatch(text, warning)
  const { text: elsewhere } = await owner.http
    .get(pathOf(shortName))
    .set('Host', 'elsewhere.test')
    .expect(200)
  assert.match(elsewhere, warning)
})
