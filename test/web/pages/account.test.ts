import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import supertest from 'supertest'
import { startTestApp } from '../../support/app.ts'
import { rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds(), { MAIL_REFUSED_DOMAINS: 'spam.example' })
const password = 'four plain test words'

function newPerson() {
  const name = `n${randomUUID().slice(0, 8)}`
  return { fullName: 'Ada Example', name, email: `${name}@example.org`, password }
}

/** Somebody's browser. */
const browser = () => supertest.agent(site.url)

test('somebody signs up, is signed in, signs out and signs in again', async () => {
  const person = newPerson()
  const http = browser()
  const form = await http.get('/account/register?next=/about').expect(200)
  assert.match(form.text, /id="fullName-hint">At least 3 characters/)
  assert.match(form.text, /id="name-hint">[^<]*at least 3 characters/)
  await http
    .post('/account/register')
    .type('form')
    .send({ ...person, next: '/about' })
    .expect(302)
    .expect('Location', '/about')
  await http.get('/account/profile').expect(200, new RegExp(person.name))
  await http.post('/account/signout').expect(302).expect('Location', '/')
  const away = await http.get('/account/profile').expect(302)
  assert.equal(away.headers['location'], '/account/signin?next=%2Faccount%2Fprofile')
  await http.get('/account/signin?next=/account/profile').expect(200, /value="\/account\/profile"/)
  await http
    .post('/account/signin')
    .type('form')
    .send({ email: person.email.toUpperCase(), password, next: '/account/profile' })
    .expect(302)
    .expect('Location', '/account/profile')
  const [row] = await rowsOf<{ hash: string }>(
    site,
    'select password_hash as hash from user_account where name = $1',
    [person.name],
  )
  assert.match(row?.hash ?? '', /^\$argon2id\$/)
})

test('a form that is refused keeps what was typed, except the password, and says why beside the field', async () => {
  const taken = newPerson()
  await browser().post('/account/register').type('form').send(taken).expect(302)
  const cases: [Record<string, string>, RegExp][] = [
    [{ name: taken.name }, /taken|has this/i],
    [{ email: taken.email }, /address|account/i],
    [{ name: 'signin' }, /taken|has this/i],
    [{ name: 'a b' }, /no blanks/],
    [{ email: 'nobody' }, /Enter an e-mail address/],
    [{ email: 'ada@mail.Spam.example' }, /Addresses of this provider are not taken/],
    [{ password: 'short' }, /at least 8 characters/],
    [{ fullName: '' }, /Enter your name/],
  ]
  for (const [change, message] of cases) {
    const typed = { ...newPerson(), ...change }
    const { text } = await browser().post('/account/register').type('form').send(typed).expect(422)
    assert.match(text, message)
    assert.ok(text.includes(`value="${typed.email}"`), 'the address is kept')
    assert.ok(!text.includes(typed.password), 'the password is not sent back')
  }
})

test('scripts sign up and in with PyBossa’s names of the fields', async () => {
  const { fullName: fullname, name, email } = newPerson()
  const http = browser()
  const send = (path: string, body: object) =>
    http.post(path).set('Content-Type', 'application/json').send(JSON.stringify(body))
  const person = { fullname, email_addr: email, name, password, csrf: 'x' }
  const refused = await send('/account/register', { ...person, confirm: 'something else' })
  assert.match(refused.text, /two passwords are not the same/)
  assert.ok(!refused.text.includes('something else'))
  await send('/account/register', { ...person, confirm: password }).expect(200)
  await http.post('/account/signout').expect(302)
  await send('/account/signin', { email, password }).expect(200)
  const profile = await http.get('/account/profile').expect(200)
  assert.ok(profile.text.includes(fullname))
})

test('a wrong password and an unknown address are refused in the same words', async () => {
  const person = newPerson()
  await browser().post('/account/register').type('form').send(person).expect(302)
  const said = async (form: Record<string, string>) => {
    const { text } = await browser().post('/account/signin').type('form').send(form).expect(422)
    return /<ul><li>(.+?)<\/li>/.exec(text)?.[1]
  }
  const wrong = await said({ email: person.email, password: 'not the password' })
  assert.ok(wrong)
  assert.equal(await said({ email: 'nobody@example.org', password }), wrong)
  assert.equal(await said({}), wrong)
})

test('who signs in or up from the head of a page comes back to it', async () => {
  const heads = async (request: supertest.Test) => {
    const { text } = await request
    return [...text.slice(0, text.indexOf('</header>')).matchAll(/href="(\/account\/[^"]+)"/g)].map(
      ([, address]) => address,
    )
  }
  const to = (query: string) => [`/account/signin${query}`, `/account/register${query}`]
  const http = browser()
  assert.deepEqual(await heads(http.get('/')), to(''))
  assert.deepEqual(await heads(http.get('/account/signin')), to(''))
  assert.deepEqual(await heads(http.get('/project/?before=7')), to('?next=%2Fproject%2F%3Fbefore%3D7'))
  assert.deepEqual(await heads(http.get('/none"><script>')), to('?next=%2Fnone%2522%253E%253Cscript%253E'))
  // Somebody who changes their mind, or mistypes, does not forget where they wanted to go.
  assert.deepEqual(await heads(http.get('/account/signin?next=/about')), to('?next=%2Fabout'))
  const mistyped = http.post('/account/signin').type('form').send({ next: '/about' }).expect(422)
  assert.deepEqual(await heads(mistyped), to('?next=%2Fabout'))
  // Nothing can be seen at the address that a form was sent to.
  assert.deepEqual(
    await heads(http.post('/project/new').type('form').send({ name: 'x' }).expect(401)),
    to(''),
  )
  const shared = await http.get('/about').expect(200)
  assert.match(String(shared.headers['cache-control']), /^public/)
  assert.equal((await browser().get('/about')).text, shared.text)
})

test('after signing in nobody is led to another site', async () => {
  const person = newPerson()
  await browser().post('/account/register').type('form').send(person).expect(302)
  for (const next of [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    'about',
  ]) {
    await browser()
      .post('/account/signin')
      .type('form')
      .send({ email: person.email, password, next })
      .expect(302)
      .expect('Location', '/')
  }
})

test('signing in from another site’s form is refused; signing out needs no session', async () => {
  const person = newPerson()
  await browser().post('/account/register').type('form').send(person).expect(302)
  const http = browser()
  await http
    .post('/account/signin')
    .set('Origin', 'https://evil.example')
    .type('form')
    .send({ email: person.email, password })
    .expect(403)
  await http.get('/account/profile').expect(302)
  await http.post('/account/signout').expect(302).expect('Location', '/')
  const tab = await http
    .post('/account/signin')
    .type('form')
    .send({ email: person.email, password, next: '/\t/evil.example' })
    .expect(302)
  assert.equal(new URL(String(tab.headers['location']), site.url).host, new URL(site.url).host)
})

test('mails to a person are readable on a page, with their links, by that person alone', async () => {
  const user = await site.user()
  const stranger = await site.user()
  const [mail] = await rowsOf<{ id: number }>(
    site,
    `insert into mail (recipient, subject, text_body, html_body)
     values ($1, 'Your export is ready', E'It is here: https://example.org/file\\nBye', '<p>x</p>') returning id`,
    [`${user.name}@example.org`],
  )
  await waitForReplica()
  await user.http.get('/account/mail').expect(200, /Your export is ready/)
  await user.http.get(`/account/mail/${mail?.id ?? 0}`).expect(200, /href="https:\/\/example.org\/file"/)
  await stranger.http.get(`/account/mail/${mail?.id ?? 0}`).expect(404)
  await user.http.get('/account/mail/first').expect(404)
  await site.http.get('/account/mail').expect(302)
})

test('own projects have a page', async () => {
  const user = await site.user()
  await user.http.get('/account/projects').expect(200)
  await site.http.get('/account/projects').expect(302)
})

test('guessing a password ends after twenty tries, for this account only, and the form says so', async (t) => {
  const limited = await startTestApp(t, { RATE_LIMIT: '300/900' })
  const [guessed, other] = [await limited.user(), await limited.user()]
  const signIn = ({ email }: { email: string }, word: string) =>
    supertest(limited.url).post('/account/signin').type('form').send({ email, password: word })
  for (let n = 0; n < 20; n += 1) await signIn(guessed, 'wrong words').expect(422)
  const refused = await signIn(guessed, guessed.password).expect(
    429,
    /Too many requests. Try again in \d+ seconds/,
  )
  assert.match(refused.text, new RegExp(`value="${guessed.email}"`))
  assert.ok(Number(refused.headers['retry-after']) > 0)
  await signIn(other, other.password).expect(302)
})

test('one address signs up or in a hundred times within fifteen minutes, whoever it claims to be', async (t) => {
  const limited = await startTestApp(t, { RATE_LIMIT: '300/900' })
  const statuses = new Set<number>()
  for (let n = 0; n < 101; n += 1) {
    const { status } = await supertest(limited.url).post('/account/register').type('form').send({})
    statuses.add(status)
    if (n < 100) assert.equal(status, 422)
  }
  assert.deepEqual([...statuses], [422, 429])
  await supertest(limited.url).post('/account/signin').type('form').send({}).expect(429)
})

test('who signs up without having wanted to go anywhere is welcomed where projects are made', async () => {
  const http = browser()
  const form = await http.get('/account/register').expect(200, /name="next" value=""/)
  assert.match(form.text, /href="\/account\/signin\?next="/)
  const person = { ...newPerson(), fullName: 'Ada <b>' }
  await http
    .post('/account/register')
    .type('form')
    .send({ ...person, next: '' })
    .expect(302)
    .expect('Location', '/account/projects')
  const page = await http.get('/account/projects').expect(200, /Welcome, Ada &lt;b&gt;</)
  assert.equal(page.text.match(/href="\/project\/new"/g)?.length, 1)
  const again = await http.get('/account/projects').expect(200)
  assert.ok(!again.text.includes('Welcome'))
})
