import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import supertest from 'supertest'
import { startTestApp } from '../../support/app.ts'
import { rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

const site = await startTestApp(untilFileEnds(), { RATE_LIMIT: '1000/900' })
const password = 'four plain test words'
const browser = () => supertest.agent(site.url)

async function signUp() {
  const name = `r${randomUUID().slice(0, 8)}`
  const email = `${name}@example.org`
  const http = browser()
  await http
    .post('/account/register')
    .type('form')
    .send({ fullName: 'Ada Example', name, email, password })
    .expect(302)
  return { name, email, http }
}

/** The path of the link in the newest mail to somebody. */
async function linkTo(email: string, subject: RegExp): Promise<string> {
  const [mail] = await rowsOf<{ subject: string; text: string }>(
    site,
    'select subject, text_body as text from mail where recipient = $1 order by id desc limit 1',
    [email],
  )
  assert.match(mail?.subject ?? '', subject)
  const [, path = ''] = /http:\/\/localhost:\d+(\/\S+)/.exec(mail?.text ?? '') ?? []
  return path
}

const signIn = (email: string, word: string) =>
  browser().post('/account/signin').type('form').send({ email, password: word })

test('who signs up is welcomed by a mail, and confirms their address by a button behind its link', async () => {
  const { email, http } = await signUp()
  await http.get('/account/profile').expect(200, /Your address is not confirmed yet/)
  const path = await linkTo(email, /^Welcome to Manyhands$/)
  await browser()
    .get(path)
    .expect(200, new RegExp(`Is <strong>${email}</strong> your address`))
  await http.get('/account/profile').expect(200, /not confirmed yet/)
  await browser().post(path).expect(302).expect('Location', '/')
  await http.post(path).expect(302).expect('Location', '/account/profile')
  const profile = await http.get('/account/profile').expect(200, /your address is confirmed/)
  assert.doesNotMatch(profile.text, /not confirmed/)
  await http.get('/account/confirm-email').expect(200, /is confirmed/)
})

test('a link that is made up, or for an address that the account has no longer, confirms nothing', async () => {
  const { email, http } = await signUp()
  const path = await linkTo(email, /Welcome/)
  for (const broken of [path.slice(0, -3), '/account/register/confirmation', '/account/reset-password?key=x'])
    await browser().get(broken).expect(403)
  await rowsOf(site, `update user_account set email = 'new-' || email where email = $1`, [email])
  await browser()
    .post(path)
    .expect(403, /another address now/)
  await http.get('/account/profile').expect(200, /not confirmed/)
})

test('the link to confirm an address is sent again, five times an hour at most', async () => {
  const { email, http } = await signUp()
  await http.get('/account/confirm-email').expect(200, /we send another one/)
  for (let n = 0; n < 5; n += 1) await http.post('/account/confirm-email').expect(302)
  await http.post('/account/confirm-email').expect(429)
  assert.match(
    await linkTo(email, /^Confirm your address for Manyhands$/),
    /^\/account\/register\/confirmation/,
  )
  await browser().post('/account/confirm-email').expect(401)
})

test('a forgotten password is replaced by a link that works once and signs all others out', async () => {
  const { email, http } = await signUp()
  const keys = () =>
    rowsOf(
      site,
      `select k.revoked is not null as revoked from api_key k join user_account u on u.id = user_id where email = $1`,
      [email],
    )
  await rowsOf(
    site,
    `insert into api_key (user_id, name, key_hash, hint) select id, 'intruder', 'x', 'abcd' from user_account where email = $1`,
    [email],
  )
  const forgotten = await browser()
    .post('/account/forgot-password')
    .type('form')
    .send({ email: ` ${email.toUpperCase()}` })
  assert.equal(forgotten.status, 200)
  assert.match(forgotten.text, /If there is an account with/)
  const path = await linkTo(email, /^A new password for Manyhands$/)
  assert.match(path, /^\/account\/reset-password\?key=/)
  const other = browser()
  await other.get(path).expect(200, /For the account r/)
  await other
    .post(path)
    .type('form')
    .send({ password: 'short' })
    .expect(422, /at least 8 characters/)
  await other
    .post(path)
    .type('form')
    .send({ password: 'another long one', confirm: 'x' })
    .expect(422, /not the same/)
  await signIn(email, password).expect(302)
  await other.post(path).type('form').send({ password: 'another long one' }).expect(302)
  await other.get('/account/profile').expect(200, /Your new password is saved/)
  await signIn(email, password).expect(422)
  await signIn(email, 'another long one').expect(302)
  await browser()
    .get(path)
    .expect(403, /was used before/)
  await browser().post(path).type('form').send({ password: 'yet another one' }).expect(403)
  const [open] = await rowsOf<{ n: number }>(
    site,
    `select count(*) as n from session s join user_account u on u.id = user_id where email = $1 and revoked is null`,
    [email],
  )
  // That of the link, and the one that signed in since.
  assert.equal(open?.n, 2)
  assert.deepEqual(await keys(), [{ revoked: true }])
  assert.ok(http)
})

test('nobody learns by asking for a password who has an account; PyBossa’s names are understood', async () => {
  const { email } = await signUp()
  const asked = async (address: string) => {
    const { text, status } = await browser()
      .post('/account/forgot-password')
      .type('form')
      .send({ email_addr: address })
    return `${status} ${text.replaceAll(address, 'ADDRESS')}`.replaceAll(/[\w-]{20,}/g, '')
  }
  const unknown = `x${email}`
  assert.equal(await asked(unknown), await asked(email))
  assert.deepEqual(await rowsOf(site, 'select 1 from mail where recipient = $1', [unknown]), [])
  await browser()
    .get('/account/forgot-password')
    .expect(200, /Enter the e-mail address/)
  await browser()
    .post('/account/forgot-password')
    .type('form')
    .send({ email: 'nobody' })
    .expect(422, /Enter the e-mail/)
  await browser()
    .get('/account/signin')
    .expect(200, /Forgot your password/)
})

test('a link that is used several times at the same moment works once', async () => {
  const { email } = await signUp()
  await browser().post('/account/forgot-password').type('form').send({ email }).expect(200)
  const path = await linkTo(email, /^A new password for Manyhands$/)
  const words = ['first new password', 'second new password', 'third new password']
  const answers = await Promise.all(
    words.map((word) => browser().post(path).type('form').send({ password: word })),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [302, 403, 403])
  const chosen = words[answers.findIndex(({ status }) => status === 302)] ?? ''
  await signIn(email, chosen).expect(302)
})
