import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import supertest from 'supertest'
import { forgetOldCodes, sendSignInCode } from '../../../src/domain/accounts/sign-in-code-service.ts'
import { forgetExpired } from '../../../src/domain/mails/mail-service.ts'
import { checkCredentials, replacePassword } from '../../../src/domain/users/user-service.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually, work } from '../../support/jobs.ts'
import { startSmtp } from '../../support/smtp.ts'

const REFUSED = 'refused.example'
const end = untilFileEnds()
const smtp = await startSmtp(end)
const site = await startTestApp(end, {
  SIGN_IN_CODES: 'on',
  MAIL_URL: smtp.url,
  MAIL_REFUSED_DOMAINS: REFUSED,
})
const browser = () => supertest.agent(site.url)

interface Step {
  http: ReturnType<typeof browser>
  /** Where the code is typed. */
  page: string
}

/** The first step, in a browser of its own. */
async function beginSigningIn({ email, password }: TestUser, next?: string): Promise<Step> {
  const http = browser()
  const form = { email, password, ...(next === undefined ? {} : { next }) }
  const { headers } = await http.post('/account/signin').type('form').send(form).expect(302)
  return { http, page: String(headers['location']) }
}

/** The code in the newest mail to somebody. */
async function codeOf({ email }: TestUser): Promise<string> {
  const [mail] = await rowsOf<{ text: string }>(
    site,
    'select text_body as text from mail where recipient = $1 order by id desc limit 1',
    [email],
  )
  return /^(\d{6})$/m.exec(mail?.text ?? '')?.[1] ?? assert.fail('no code')
}

/** The code in the mail that reaches somebody. */
async function codeFromMailbox({ email }: TestUser): Promise<string> {
  const worker = work(site)
  const mail = await eventually(() => Promise.resolve(smtp.received.find(({ to }) => to === email)))
  await worker.stop()
  assert.match(mail.source, /^Subject: Your code for Manyhands/m)
  return /^(\d{6})\r?$/m.exec(mail.source)?.[1] ?? assert.fail('no code')
}

/** A code of six digits that is not the right one. */
const otherThan = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0')

const isSignedIn = async ({ http }: Step) => (await http.get('/account/keys')).status === 200

const type = ({ http, page }: Step, otp: string) => http.post(page).type('form').send({ otp })

test('who has proved their password is signed in by the code that their mail brings, once', async () => {
  const person = await site.user()
  const step = await beginSigningIn(person, '/about')
  assert.match(step.page, /^\/account\/[0-9a-f-]{36}\/otpvalidation\?next=%2Fabout$/)
  assert.equal(await isSignedIn(step), false)
  const page = await step.http.get(step.page).expect(200, /autocomplete="one-time-code" inputmode="numeric"/)
  assert.match(String(page.headers['cache-control']), /no-store/)
  const code = await codeFromMailbox(person)
  const kept = await rowsOf<{ row: string }>(
    site,
    'select to_jsonb(c)::text as row from sign_in_code c union all select to_jsonb(m)::text from mail m',
  )
  assert.deepEqual(
    kept.filter(({ row }) => row.includes(code)),
    [],
    'once its mail has left, the code is kept as a hash',
  )
  await type(step, `${code.slice(0, 3)} ${code.slice(3)}`)
    .expect(302)
    .expect('Location', '/about')
  assert.equal(await isSignedIn(step), true)

  const late = { http: browser(), page: step.page }
  await type(late, code).expect(302).expect('Location', '/account/signin?next=%2Fabout')
  await late.http.get('/account/signin').expect(200, /That code was used, tried too often or is too old/)
  await late.http.get(late.page).expect(302).expect('Location', '/account/signin?next=%2Fabout')
  assert.equal(await isSignedIn(late), false)
})

test('a code goes to an address that mails came back from: nobody can lift that who cannot sign in', async () => {
  const [person, other] = [await site.user(), await site.user()]
  await rowsOf(
    site,
    `insert into mail_suppression (address, cause, source, detail)
     select address, 'bounce', 'smtp', 'no room' from unnest($1::text[]) as a (address)`,
    [[person.email.toLowerCase(), other.email.toLowerCase()]],
  )
  await beginSigningIn(person)
  await codeFromMailbox(person)
  const left = await rowsOf(site, 'select address from mail_suppression')
  assert.deepEqual(left, [{ address: other.email.toLowerCase() }])
})

test('a wrong password is refused as ever, and sends no code', async () => {
  const { email } = await site.user()
  const refused = browser().post('/account/signin').type('form').send({ email, password: 'not the password' })
  await refused.expect(422, /do not go together/)
  assert.deepEqual(await rowsOf(site, 'select 1 from mail where recipient = $1', [email]), [])
})

test('a code has five tries, and the right one comes too late after them', async () => {
  const person = await site.user()
  const step = await beginSigningIn(person)
  const code = await codeOf(person)
  for (const left of ['4 tries are', '3 tries are', '2 tries are', 'One try is']) {
    const { text } = await type(step, otherThan(code)).expect(422)
    assert.match(text, new RegExp(`another code than the one in the mail\\. ${left} left`))
  }
  await type(step, otherThan(code)).expect(302).expect('Location', '/account/signin')
  await type(step, code).expect(302).expect('Location', '/account/signin')
  assert.equal(await isSignedIn(step), false)
})

test('a code of somebody else, one that is too old, and what is none open nothing', async () => {
  const [person, other] = [await site.user(), await site.user()]
  const step = await beginSigningIn(person)
  await beginSigningIn(other)
  await type(step, await codeOf(other)).expect(422)
  await type(step, '').expect(422)
  const code = await codeOf(person)
  await rowsOf(site, `update sign_in_code set created = created - interval '11 minutes'`)
  await type(step, code).expect(302).expect('Location', '/account/signin')
  await type({ ...step, page: `/account/${randomUUID()}/otpvalidation` }, code).expect(302)
  await step.http.get('/account/ada/otpvalidation').expect(404)
  assert.equal(await isSignedIn(step), false)
})

test('a new password ends what was begun with the old one, also of a check that was under way', async () => {
  const person = await site.user()
  const step = await beginSigningIn(person)
  const code = await codeOf(person)
  const db = () => site.app.database.open({ writes: true })
  const proved = await checkCredentials(db(), person)
  await replacePassword(db(), proved, 'another long one')
  await type(step, code).expect(302).expect('Location', '/account/signin')
  assert.equal(await isSignedIn(step), false)
  await assert.rejects(sendSignInCode(site.app, db(), proved), /do not go together/)
  assert.deepEqual(await rowsOf(site, 'select 1 from sign_in_code where user_id = $1', [person.id]), [])
})

test('a code that is sent several times at the same moment signs in once', async () => {
  const person = await site.user()
  const { page } = await beginSigningIn(person)
  const code = await codeOf(person)
  const steps = Array.from({ length: 4 }, () => ({ http: browser(), page }))
  const answers = await Promise.all(steps.map((step) => type(step, code)))
  const where = answers.map(({ headers }) => String(headers['location'])).sort()
  assert.deepEqual(where, ['/', '/account/signin', '/account/signin', '/account/signin'])
})

test('six codes an hour go to who does not use them, also at the same moment; those that were used do not count', async () => {
  const person = await site.user()
  const used = await beginSigningIn(person)
  await type(used, await codeOf(person)).expect(302)
  const form = { email: person.email, password: person.password }
  const answers = await Promise.all(
    Array.from({ length: 9 }, () => browser().post('/account/signin').type('form').send(form)),
  )
  assert.equal(answers.filter(({ status }) => status === 302).length, 6)
  const refused = answers.filter(({ status }) => status === 429)
  assert.equal(refused.length, 3)
  assert.match(refused[0]?.text ?? '', /Six codes were sent within an hour/)
  assert.equal(refused[0]?.headers['retry-after'], '3600')
  await rowsOf(site, `update sign_in_code set created = created - interval '61 minutes'`)
  await beginSigningIn(person)
})

test('a code is mailed at once or not at all, also to where no other mail goes', async () => {
  const people = [await site.user(), await site.user()]
  const [person, late] = people
  assert.ok(person && late)
  const address = `${person.name}@${REFUSED}`
  await rowsOf(site, 'update user_account set email = $2 where id = $1', [person.id, address])
  person.email = address
  await rowsOf(
    site,
    `insert into mail (recipient, subject, text_body, html_body, sent)
     select $1, 'x', 'x', 'x', now() from generate_series(1, 50)`,
    [person.email],
  )
  const sent = () => smtp.received.filter(({ to }) => to === person.email || to === late.email)
  for (const one of people) await beginSigningIn(one)
  await rowsOf(site, `update mail set expires = now() - interval '1 second' where recipient = $1`, [
    late.email,
  ])
  await codeFromMailbox(person)
  const toLate = `select error, text_body as text, html_body as html from mail where recipient = $1`
  const row = await eventually(async () => {
    const [found] = await rowsOf<{ error: string | null }>(site, toLate, [late.email])
    return found?.error === null ? undefined : found
  })
  assert.deepEqual(row, { error: 'Too late to be of use', text: '', html: '' })
  assert.deepEqual(
    sent().map(({ to }) => to),
    [person.email],
  )
})

test('codes whose mails never left count for as long as they can be guessed', async () => {
  const person = await site.user()
  const age = (minutes: number) =>
    rowsOf(site, `update sign_in_code set created = now() - make_interval(mins => $2) where user_id = $1`, [
      person.id,
      minutes,
    ])
  const form = { email: person.email, password: person.password }
  const ask = () => browser().post('/account/signin').type('form').send(form)
  for (let n = 0; n < 6; n += 1) await beginSigningIn(person)
  await age(9)
  await ask().expect(429)
  await age(11)
  const step = await beginSigningIn(person)
  for (let n = 0; n < 5; n += 1) await beginSigningIn(person)
  await rowsOf(site, `update sign_in_code set n_tries = 5 where user_id = $1`, [person.id])
  await age(11)
  await ask().expect(429)
  await rowsOf(site, `update sign_in_code set n_tries = 0 where user_id = $1`, [person.id])
  await rowsOf(site, `update mail set sent = now() where recipient = $1`, [person.email])
  await ask().expect(429)
  assert.equal(await isSignedIn(step), false)
})

test('scripts find the next step in JSON, and what is wrong with a code', async () => {
  const person = await site.user()
  const http = browser()
  const send = (path: string, body: object) =>
    http.post(path).set('Content-Type', 'application/json').send(JSON.stringify(body))
  const first = await send('/account/signin', { email: person.email, password: person.password }).expect(200)
  const { next } = first.body as { next: string }
  assert.match(next, /\/otpvalidation$/)
  const code = await codeOf(person)
  const wrong = await send(next, { otp: otherThan(code) }).expect(200)
  assert.match(JSON.stringify(wrong.body), /another code than the one in the mail/)
  await send(next, { otp: code }).expect(200)
  assert.equal(await isSignedIn({ http, page: next }), true)
})

test('what a code’s mail said is forgotten with it, also where it waits for good', async () => {
  const person = await site.user()
  await beginSigningIn(person)
  const code = await codeOf(person)
  await rowsOf(site, `update mail set expires = now() + interval '1 minute' where text_body <> ''`)
  assert.equal(await forgetExpired(site.app.database.open({ writes: true })), 0)
  assert.equal(await codeOf(person), code)
  await rowsOf(site, `update mail set expires = now() - interval '1 second' where recipient = $1`, [
    person.email,
  ])
  assert.equal(await forgetExpired(site.app.database.open({ writes: true })), 1)
  const kept = 'select text_body as text, html_body as html from mail where recipient = $1'
  assert.deepEqual(await rowsOf(site, kept, [person.email]), [{ text: '', html: '' }])
})

test('codes are forgotten after a day', async () => {
  await rowsOf(site, `update sign_in_code set created = now() - interval '25 hours'`)
  assert.ok((await forgetOldCodes(site.app.database.open({ writes: true }))) > 5)
  assert.deepEqual(await rowsOf(site, 'select 1 from sign_in_code'), [])
})
