import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

const SECRET = 'a secret of many characters'
const KEY = 'key-of-mailgun'
const ending = untilFileEnds()
const site = await startTestApp(ending, { MAIL_EVENTS_SECRET: SECRET, MAILGUN_SIGNING_KEY: KEY })

const now = () => String(Math.floor(Date.now() / 1000))
const hmac = (key: string, text: string) => createHmac('sha256', key).update(text).digest('hex')

const suppressed = (address: string) =>
  rowsOf<{ cause: string; source: string; detail: string }>(
    site,
    'select cause, source, detail from mail_suppression where address = $1',
    [address],
  )

function postOwn(body: string, { time = now(), secret = SECRET } = {}) {
  return site.http
    .post('/mail/events')
    .set('Content-Type', 'application/json')
    .set('Accept', 'application/json')
    .set('X-Manyhands-Time', time)
    .set('X-Manyhands-Signature', `sha256=${hmac(secret, `${time}.${body}`)}`)
    .send(body)
}

const ownEvent = (address: string, more: object = {}) =>
  JSON.stringify({ events: [{ type: 'bounce', address, reason: '550 5.1.1 unknown', ...more }] })

test('events in our own form suppress addresses and stand beside the mail that came back', async () => {
  const [mail] = await rowsOf<{ id: number }>(
    site,
    `insert into mail (recipient, subject, text_body, html_body, sent)
     values ('Ada@example.org', 's', 't', 'h', now()) returning id`,
  )
  const messageId = `<mail-${mail?.id ?? 0}-2026@localhost>`
  await postOwn(ownEvent('ada@Example.org', { messageId })).expect(204)
  const found = { cause: 'bounce', source: 'webhook', detail: '550 5.1.1 unknown' }
  assert.deepEqual(await suppressed('ada@example.org'), [found])
  // The first reason is kept, and a mail to somebody else is not touched.
  const again = { type: 'complaint', reason: 'spam', messageId }
  await postOwn(ownEvent('ada@example.org', again)).expect(204)
  await postOwn(ownEvent('eve@example.org', { messageId })).expect(204)
  assert.deepEqual(await suppressed('ada@example.org'), [found])
  assert.deepEqual(await rowsOf(site, 'select error from mail'), [{ error: '550 5.1.1 unknown' }])
})

test('events that are forged, old or not understood change nothing and say why', async () => {
  const body = ownEvent('bob@example.org')
  await postOwn(body, { secret: 'another secret of some length' }).expect(403, /signature does not fit/)
  await postOwn(body, { time: String(Number(now()) - 90_000) }).expect(403, /too old/)
  await site.http.post('/mail/events').set('Accept', 'application/json').send(body).expect(403)
  await postOwn('{').expect(400, /The body is not JSON/)
  await postOwn(ownEvent('bob')).expect(400, /events\.0\.address/)
  assert.deepEqual(await suppressed('bob@example.org'), [])
})

function postMailgun(event: object, key = KEY) {
  const [timestamp, token] = [now(), 'a'.repeat(50)]
  const signature = { timestamp, token, signature: hmac(key, timestamp + token) }
  return site.http
    .post('/mail/events/mailgun')
    .set('Accept', 'application/json')
    .send({ signature, 'event-data': event })
}

test('Mailgun’s webhook suppresses what is dead or was reported, and nothing that is only delayed', async () => {
  const failed = { event: 'failed', severity: 'permanent', reason: 'bounce' }
  const told = (recipient: string, more: object) => postMailgun({ recipient, ...more })
  const gone = { code: 550, message: '5.1.1 No such user', description: '' }
  const headers = { 'message-id': 'x@y' }
  await told('dead@example.org', { ...failed, 'delivery-status': gone, message: { headers } }).expect(204)
  await told('known@example.org', {
    ...failed,
    reason: 'suppress-bounce',
    'delivery-status': { code: 605 },
  }).expect(204)
  await told('spam@example.org', { event: 'complained' }).expect(204)
  await told('later@example.org', { ...failed, severity: 'temporary', 'delivery-status': gone }).expect(204)
  await told('full@example.org', {
    ...failed,
    'delivery-status': { code: 552, message: '5.2.2 Full' },
  }).expect(204)
  await told('fine@example.org', { event: 'delivered' }).expect(204)

  const [dead] = await suppressed('dead@example.org')
  assert.deepEqual(dead, { cause: 'bounce', source: 'webhook', detail: '550 5.1.1 No such user' })
  assert.equal((await suppressed('known@example.org'))[0]?.detail, '605 failed')
  assert.equal((await suppressed('spam@example.org'))[0]?.cause, 'complaint')
  for (const address of ['later@example.org', 'full@example.org', 'fine@example.org'])
    assert.deepEqual(await suppressed(address), [])
  await postMailgun({ recipient: 'eve@example.org', event: 'complained' }, 'another key').expect(403)
})

test('without a key there is no such address', async (t) => {
  const bare = await startTestApp(t)
  for (const path of ['/mail/events', '/mail/events/mailgun']) await bare.http.post(path).send({}).expect(404)
})
