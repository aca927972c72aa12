import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobs } from '../../../jobs/index.ts'
import { choose } from '../../../src/domain/mails/choice-service.ts'
import type { JobRun } from '../../../src/platform/job.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { keyContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const db = () => site.app.database.open({ writes: true })
const run: JobRun = {
  openDb: db,
  commit: (effect) => db().write(effect),
  log: site.app.log,
  mustHold: () => Promise.resolve(),
  signal: new AbortController().signal,
}

const LETTER = { subject: 'Spring & more', body: 'Hello **all**', audience: 'all' }

async function subscriber(): Promise<TestUser> {
  const user = await site.user()
  await choose(db(), { userId: user.id, kind: 'newsletter' }, true)
  return user
}

async function write(letter: object): Promise<string> {
  const { headers } = await admin.http.post('/admin/newsletters/new').type('form').send(letter).expect(302)
  await waitForReplica()
  return String(headers['location'])
}

const newsletterId = (page: string) => Number(page.split('/').at(-1))
const send = (page: string) =>
  jobs['send-newsletter'].handle(site.app, { newsletterId: newsletterId(page) }, run)

async function recipientsOf(subject: string): Promise<string[]> {
  const rows = await rowsOf<{ recipient: string }>(
    site,
    `select recipient from mail where subject = $1 and kind = 'newsletter' order by id`,
    [subject],
  )
  return rows.map(({ recipient }) => recipient)
}

test('an admin writes a newsletter, tries it, sends it to who wants it, and sees how far it is', async () => {
  const [first, second] = [await subscriber(), await subscriber()]
  await site.user()
  await admin.http.get('/admin/newsletters').expect(200, /No newsletters yet/)
  await admin.http.get('/admin/newsletters/new').expect(200)
  const page = await write(LETTER)
  await admin.http.get(page).expect(200, /2 people would get it now/)
  await admin.http
    .post(page)
    .type('form')
    .send({ ...LETTER, body: 'Hello **everybody**' })
    .expect(302)
  await admin.http.get(page).expect(200, /Hello \*\*everybody\*\*/)

  await admin.http.post(`${page}/test`).expect(302)
  const [trial] = await rowsOf<{ recipient: string; html: string; kind: string | null }>(
    site,
    'select recipient, html_body as html, kind from mail where subject = $1',
    [LETTER.subject],
  )
  assert.deepEqual([trial?.recipient, trial?.kind], [admin.email, null])
  assert.match(trial?.html ?? '', /Hello <strong>everybody<\/strong>/)
  assert.deepEqual(await recipientsOf(LETTER.subject), [])

  await admin.http.post(`${page}/send`).expect(302)
  await admin.http.post(`${page}/send`).expect(409)
  await admin.http.post(page).type('form').send(LETTER).expect(409)
  await admin.http.get(page).expect(200, /Sending began/)
  await send(page)
  await send(page)
  assert.deepEqual(await recipientsOf(LETTER.subject), [first.email, second.email])
  await rowsOf(site, `update mail set sent = now() where recipient = $1`, [first.email])
  await rowsOf(site, `update mail set error = 'x' where recipient = $1`, [second.email])
  await waitForReplica()
  const done = await admin.http.get(page).expect(200, /2 mails queued/)
  assert.match(done.text, /<li>1 sent<\/li><li>1 was not delivered<\/li>/)
  await admin.http.get('/admin/newsletters').expect(200, /Spring &amp; more/)
})

test('a newsletter that is broken off goes on where it was, and nobody gets it twice', async () => {
  const everybody = (
    await rowsOf<{ recipient: string }>(
      site,
      `select email as recipient from user_account u join mail_choice m on m.user_id = u.id where wanted order by u.id`,
    )
  ).map(({ recipient }) => recipient)
  const page = await write({ ...LETTER, subject: 'Broken off' })
  await admin.http.post(`${page}/send`).expect(302)
  const stopping = new AbortController()
  stopping.abort(new Error('stop'))
  await assert.rejects(
    jobs['send-newsletter'].handle(
      site.app,
      { newsletterId: newsletterId(page) },
      { ...run, signal: stopping.signal },
    ),
  )
  assert.deepEqual(await recipientsOf('Broken off'), [])
  await send(page)
  // As if the note of its progress had been lost.
  await rowsOf(site, `update newsletter set state = 'sending', last_user_id = 0 where id = $1`, [
    newsletterId(page),
  ])
  await send(page)
  assert.deepEqual(await recipientsOf('Broken off'), everybody)
})

test('a newsletter goes to owners, or to the contributors of one project, who want it', async () => {
  const [owner, helper] = [await subscriber(), await subscriber()]
  const project = await publishedProject(site, owner)
  await keyContributor(site, project, helper).newTask().expect(200)
  await keyContributor(site, project, helper)
    .submit(project.taskIds[0] ?? 0)
    .expect(200)
  const toOwners = await write({ ...LETTER, subject: 'Owners', audience: 'owners' })
  const toHelpers = await write({
    ...LETTER,
    subject: 'Helpers',
    audience: 'contributors',
    project: project.shortName,
  })
  await admin.http.get(toHelpers).expect(200, new RegExp(`value="${project.shortName}"`))
  for (const page of [toOwners, toHelpers]) {
    await admin.http.post(`${page}/send`).expect(302)
    await send(page)
  }
  assert.deepEqual(await recipientsOf('Owners'), [owner.email])
  assert.deepEqual(await recipientsOf('Helpers'), [helper.email])
})

test('a form that is refused says why and keeps what was typed', async () => {
  const post = (letter: object) =>
    admin.http
      .post('/admin/newsletters/new')
      .type('form')
      .send({ ...LETTER, ...letter })
      .expect(422)
  assert.match((await post({ subject: ' ' })).text, /Write a subject/)
  assert.match((await post({ body: '' })).text, /Spring &amp; more/)
  assert.match((await post({ audience: 'x' })).text, /Choose who gets it/)
  for (const project of ['', 'none'])
    assert.match((await post({ audience: 'contributors', project })).text, /Enter the short name/)
  const page = await write(LETTER)
  await admin.http
    .post(page)
    .type('form')
    .send({ ...LETTER, subject: '' })
    .expect(422, /Hello \*\*all\*\*/)
})

test('only admins write newsletters', async () => {
  const user = await site.user()
  for (const path of ['/admin/newsletters', '/admin/newsletters/new', '/admin/newsletters/1'])
    await user.http.get(path).expect(403)
  for (const path of ['/new', '/1', '/1/test', '/1/send'])
    await user.http.post(`/admin/newsletters${path}`).type('form').send(LETTER).expect(403)
  await admin.http.get('/admin/newsletters/99').expect(404)
  await admin.http.post('/admin/newsletters/99/test').expect(404)
  await admin.http.post('/admin/newsletters/99/send').expect(404)
})

test('people say at PyBossa’s address whether they want newsletters', async () => {
  const user = await site.user()
  await user.http.get('/account/newsletter').expect(200, /I want the newsletter/)
  await user.http.post('/account/newsletter?subscribe=True').expect(302)
  await user.http.get('/account/newsletter').expect(200, /You get the newsletter/)
  await user.http.post('/account/newsletter?subscribe=False').expect(302)
  await user.http.get('/account/newsletter').expect(200, /I want the newsletter/)
})
