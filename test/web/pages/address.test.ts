import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds(), { RATE_LIMIT: '1000/900' })
const newAddress = () => `n${randomUUID().slice(0, 8)}@example.org`

const ask = (user: TestUser, email: string, password = user.password) =>
  user.http.post('/account/email').type('form').send({ email, password })

interface MailRow {
  subject: string
  text: string
}

const mailsTo = (address: string) =>
  rowsOf<MailRow>(site, 'select subject, text_body as text from mail where recipient = $1 order by id', [
    address,
  ])

/** The path of the link that was sent to a new address. */
async function linkTo(address: string): Promise<string> {
  const [mail] = await mailsTo(address)
  assert.match(mail?.subject ?? '', /^Confirm your new address for Manyhands$/)
  const [, path = ''] = /http:\/\/localhost:\d+(\/account\/email\/confirm\S+)/.exec(mail?.text ?? '') ?? []
  return path
}

const addressOf = async ({ id }: TestUser) =>
  (
    await rowsOf<{ email: string; confirmed: boolean }>(
      site,
      'select email, email_confirmed is not null as confirmed from user_account where id = $1',
      [id],
    )
  )[0]

test('somebody gets another address by proving it, and the old one is told before and after', async () => {
  const user = await site.user()
  const to = newAddress()
  await user.http.get('/account/profile').expect(200, /href="\/account\/email"/)
  await user.http.get('/account/email').expect(200, new RegExp(user.email))
  await ask(user, ` ${to} `).expect(302).expect('Location', '/account/profile')
  await user.http.get('/account/profile').expect(200, new RegExp(`A link is on its way to ${to}`))
  assert.deepEqual(await addressOf(user), { email: user.email, confirmed: false })
  const path = await linkTo(to)
  await user.http.get(path).expect(200, new RegExp(`sign in with <strong>${to}`))
  assert.equal((await addressOf(user))?.email, user.email, 'a link alone changes nothing')
  await user.http.post(path).expect(302)
  assert.deepEqual(await addressOf(user), { email: to, confirmed: true })
  const [asked, changed, ...more] = await mailsTo(user.email)
  assert.match(asked?.subject ?? '', /^Another address for your account/)
  assert.match(asked?.text ?? '', new RegExp(`${to}[\\s\\S]*/account/forgot-password`))
  assert.match(changed?.text ?? '', new RegExp(`has the address ${to} now`))
  assert.deepEqual(more, [])
  await user.http.post(path).expect(403, /was used before/)
  for (const [email, status] of [
    [user.email, 422],
    [to, 302],
  ] as const)
    await site.http
      .post('/account/signin')
      .type('form')
      .send({ email, password: user.password })
      .expect(status)
  await site.http.post('/account/signout').expect(302)
})

test('a wrong password, and an address that is none, is theirs or is taken, change nothing and are said', async () => {
  const [user, other] = [await site.user(), await site.user()]
  const refused: [string, string | undefined, RegExp][] = [
    [newAddress(), 'not the password', /This is not your password/],
    ['nonsense', undefined, /like name@example.org/],
    [user.email.toUpperCase(), undefined, /This is your address already/],
    [other.email, undefined, /another account with this address/],
  ]
  for (const [email, password, said] of refused) {
    const { text } = await ask(user, email, password).expect(422, said)
    assert.ok(text.includes(`value="${email}"`), 'what was typed is kept')
    assert.ok(!text.includes(user.password))
  }
  assert.deepEqual(await mailsTo(user.email), [])
  await site.http.get('/account/email').expect(302)
  await site.http.post('/account/email').type('form').send({}).expect(401)
})

test('a link opens for its own account alone, and ends with the password or when somebody takes the address', async () => {
  const [user, stranger] = [await site.user(), await site.user()]
  const to = newAddress()
  await ask(user, to).expect(302)
  const path = await linkTo(to)
  for (const asked of [stranger.http.get(path), stranger.http.post(path)])
    await asked.expect(403, /for another account/)
  await site.http.get(path).expect(302)
  await user.http.get('/account/email/confirm').expect(403)
  await user.http.get(path.slice(0, -4)).expect(403)

  await rowsOf(site, 'update user_account set email = $1 where id = $2', [to, stranger.id])
  await waitForReplica()
  await user.http.post(path).expect(422, /another account with this address/)
  await rowsOf(site, 'update user_account set email = $1 where id = $2', [stranger.email, stranger.id])
  await rowsOf(site, `update user_account set password_hash = 'another' where id = $1`, [user.id])
  await user.http.post(path).expect(403, /too old/)
  assert.equal((await addressOf(user))?.email, user.email)
})

test('a link that is pressed twice at the same moment changes the address once', async () => {
  const user = await site.user()
  const to = newAddress()
  await ask(user, to).expect(302)
  const path = await linkTo(to)
  const answers = await Promise.all([user.http.post(path), user.http.post(path)])
  assert.deepEqual(answers.map(({ status }) => status).sort(), [302, 403])
  assert.equal((await mailsTo(user.email)).length, 2)
})

test('five links an hour go to one address', async () => {
  const user = await site.user()
  const to = newAddress()
  for (let n = 0; n < 5; n += 1) await ask(user, to).expect(302)
  await ask(user, to).expect(429)
})
