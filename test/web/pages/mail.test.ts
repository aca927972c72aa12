import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unsubscribeUrl } from '../../../src/domain/mails/choice-service.ts'
import { queueMail } from '../../../src/domain/mails/mail-service.ts'
import { suppress } from '../../../src/domain/mails/suppression-service.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const db = () => site.app.database.open({ writes: true })

const choicesOf = (user: TestUser) =>
  rowsOf<{ kind: string; wanted: boolean }>(
    site,
    'select kind, wanted from mail_choice where user_id = $1 order by kind',
    [user.id],
  )

function addressOf(user: TestUser, kind: 'blogpost' | 'project'): string {
  return new URL(unsubscribeUrl(site.app, user.id, kind)).pathname
}

test('people choose which notices they get; what was never chosen stands as it is by default', async () => {
  const user = await site.user()
  const ticked = async () => {
    const { text } = await user.http.get('/account/mail/choices').expect(200)
    return [...text.matchAll(/name="([\w-]+)" type="checkbox" value="on"( checked)?/g)].map(
      ([, kind, checked]) => `${kind ?? ''}${checked ?? ''}`,
    )
  }
  assert.deepEqual(await ticked(), [
    'project checked',
    'weekly-report checked',
    'blogpost',
    'newsletter',
    'invitation',
  ])
  await user.http
    .post('/account/mail/choices')
    .type('form')
    .send({ blogpost: 'on', secret: 'on', site: 'on' })
    .expect(302)
  await waitForReplica()
  assert.deepEqual(await ticked(), [
    'project',
    'weekly-report',
    'blogpost checked',
    'newsletter',
    'invitation',
  ])
  assert.ok(
    (await choicesOf(user)).every(({ kind }) => kind !== 'site'),
    'for admins only',
  )
  await admin.http.get('/account/mail/choices').expect(200, /The site itself/)
  await site.http.get('/account/mail/choices').expect(302)
})

test('a mail program ends one kind of notice with one click, without signing in', async () => {
  const user = await site.user()
  const path = addressOf(user, 'project')
  await site.http
    .post(path)
    .type('form')
    .send({ 'List-Unsubscribe': 'One-Click' })
    .expect(200, /You are unsubscribed/)
  await site.http.post(path).field('List-Unsubscribe', 'One-Click').expect(200)
  assert.deepEqual(await choicesOf(user), [{ kind: 'project', wanted: false }])
})

test('the plain link shows a button, and nothing changes before it is pressed', async () => {
  const user = await site.user()
  const path = addressOf(user, 'project')
  const { text } = await site.http.get(path).expect(200)
  assert.match(text, /This ends mails of the kind “Your projects”/)
  assert.match(text, /name="wanted" value="off"/)
  assert.deepEqual(await choicesOf(user), [])
  await site.http.post(path).type('form').send({ wanted: 'off' }).expect(200)
  await site.http.get(path).expect(200, /You are unsubscribed/)
  await site.http
    .post(path)
    .type('form')
    .send({ wanted: 'on' })
    .expect(200, /Unsubscribe/)
  assert.deepEqual(await choicesOf(user), [{ kind: 'project', wanted: true }])
})

test('nobody unsubscribes somebody else by a made-up address', async () => {
  const user = await site.user()
  const path = addressOf(user, 'project')
  for (const forged of [
    path.replace('project', 'blogpost'),
    path.slice(0, -1),
    '/account/mail/unsubscribe/x',
  ])
    await site.http.post(forged).expect(404)
  assert.deepEqual(await choicesOf(user), [])
})

test('who gets no mail reads why, and lets mails come again', async () => {
  const user = await site.user()
  await user.http.post('/account/mail/allow').expect(404)
  await suppress(db(), [
    { address: user.email, cause: 'bounce', source: 'smtp', detail: '550 <No> such user' },
  ])
  const page = await user.http.get('/account/mail').expect(200)
  assert.match(page.text, /A mail to it came back for good/)
  assert.match(page.text, /550 &lt;No&gt; such user/)
  await user.http.post('/account/mail/allow').expect(302)
  const after = await user.http.get('/account/mail').expect(200, /Mails go to .* again/)
  assert.doesNotMatch(after.text, /came back/)
})

test('admins see suppressed addresses and the latest mails, and lift what no longer holds', async () => {
  const user = await site.user()
  for (const person of [user.http, site.http]) {
    const { status } = await person.get('/admin/mail')
    assert.ok(status === 403 || status === 302, String(status))
  }
  await user.http.post('/admin/mail/allow').type('form').send({ address: user.email }).expect(403)
  await suppress(db(), [{ address: user.email, cause: 'complaint', source: 'webhook', detail: 'Reported' }])
  await waitForReplica()
  await admin.http.get('/admin/mail').expect(200, new RegExp(`${user.email}.*reported as spam`, 's'))
  await admin.http.post('/admin/mail/allow').type('form').send({ address: user.email }).expect(302)
  const after = await admin.http.get('/admin/mail').expect(200, /Every address takes mail/)
  assert.match(after.text, new RegExp(`Mails go to ${user.email} again`))
  await admin.http.post('/admin/mail/allow').expect(404)
})

test('without a mail server admins read every mail, as text and as it looks; others read their own only', async () => {
  const user = await site.user()
  const view = { projectName: '<script>alert(1)</script>', reason: 'r', url: 'http://localhost/x' }
  await db().write((tx) =>
    queueMail(site.app, tx, { to: 'else@example.org', subject: 'To read', template: 'export-failed', view }),
  )
  await waitForReplica()
  const list = await admin.http.get('/admin/mail').expect(200, /Kept/)
  const [, path = ''] = /href="(\/account\/mail\/\d+)">To read/.exec(list.text) ?? []
  await admin.http.get(path).expect(200, /href="http:\/\/localhost\/x"/)
  const mail = await admin.http
    .get(`${path}/html`)
    .expect(200)
    .expect('Content-Security-Policy', /sandbox/)
  assert.match(mail.text, /&lt;script&gt;/)
  for (const part of ['', '/html']) await user.http.get(path + part).expect(404)
})

test('a mail that was not delivered says so in its reader’s list', async () => {
  const user = await site.user()
  await rowsOf(
    site,
    `insert into mail (recipient, subject, text_body, html_body, sent, error)
     values ($1, 'One', 'x', 'x', now(), null), ($1, 'Two', 'x', 'x', null, 'Mailbox <full>')`,
    [user.email],
  )
  await waitForReplica()
  const list = await user.http.get('/account/mail').expect(200)
  assert.match(list.text, /Not delivered<\/span> <span class="muted small">Mailbox &lt;full&gt;/)
  assert.match(list.text, />Sent</)
  const [, path = ''] = /href="(\/account\/mail\/\d+)">Two/.exec(list.text) ?? []
  await user.http.get(path).expect(200, /This mail was not delivered: Mailbox &lt;full&gt;/)
})
