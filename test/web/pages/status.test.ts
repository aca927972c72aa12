import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMinutes } from '../../../src/domain/status/minute-repository.ts'
import { startTestApp } from '../../support/app.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds(), { LOG_LEVEL: 'silent' })
const admin = await site.user('ada')
const somebody = await site.user()

interface Shown {
  readonly title: string
  readonly components: readonly string[]
  readonly notes: readonly { readonly body: string }[]
}

/** What /status says as JSON. */
interface StatusBody {
  readonly state: string
  readonly open: readonly Shown[]
  readonly past: readonly Shown[]
  readonly components: readonly {
    readonly name: string
    readonly state: string
    readonly budgets: readonly object[]
  }[]
}

const bodyOf = ({ body }: { body: unknown }) => body as StatusBody

const ago = (minutes: number) => new Date(Math.floor(Date.now() / 60_000 - minutes) * 60_000).toISOString()

test('admins tell of trouble and how it went on, and everybody reads it and how much trouble there was', async () => {
  const form = { title: 'Exports are slow', body: 'We are on it.', exports: 'on', mail: 'on' }
  await somebody.http.post('/admin/incidents').type('form').send(form).expect(403)
  await somebody.http.get('/admin/incidents').expect(403)
  const { text: refused } = await admin.http
    .post('/admin/incidents')
    .type('form')
    .send({ body: 'x' })
    .expect(422)
  assert.match(refused, /Write a title\./)
  assert.match(refused, /Choose what is touched\./)
  await admin.http.post('/admin/incidents').type('form').send(form).expect(302)
  const { text: list } = await admin.http.get('/admin/incidents').expect(200)
  const [, id] = /\/admin\/incidents\/(\d+)\/notes/.exec(list) ?? []
  const { text: again } = await admin.http
    .post(`/admin/incidents/${id}/notes`)
    .type('form')
    .send({ note: ' ', over: 'on' })
    .expect(422)
  assert.match(again, /Write what people should know\./)
  assert.match(again, /name="over" type="checkbox" value="on" checked/)
  await admin.http
    .post(`/admin/incidents/${id}/notes`)
    .type('form')
    .send({ note: 'Done.', over: 'on' })
    .expect(302)
  await admin.http.post('/admin/incidents/999/notes').type('form').send({ note: 'x' }).expect(404)
  const minutes = [4, 3, 2, 1].map((n) => ({
    minute: ago(n),
    component: 'pages' as const,
    nGood: 10,
    nBad: n === 3 ? 1 : 0,
  }))
  await site.app.database.open({ writes: true }).call((primary) => addMinutes(primary, minutes))
  await waitForReplica()

  const body = bodyOf(await site.http.get('/status').set('Accept', 'application/json').expect(200))
  assert.equal(body.open.length, 0)
  assert.equal(body.past[0]?.title, 'Exports are slow')
  assert.deepEqual(body.past[0].components, ['exports', 'mail'])
  assert.deepEqual(
    body.past[0].notes.map((note) => note.body),
    ['We are on it.', 'Done.'],
  )
  const pages = body.components.find(({ name }) => name === 'pages')
  assert.equal(pages?.state, 'troubled')
  assert.partialDeepStrictEqual(pages.budgets[0], {
    days: 30,
    minutesBad: 1,
    minutesAllowed: 43,
    isSpent: false,
  })
  const { text } = await site.http.get('/status').expect(200)
  assert.match(text, /Exports are slow/)
  assert.match(text, /1 of 43 minutes of trouble used/)
})

test('without a database the page says so', async (t) => {
  const away = await startTestApp(t, { LOG_LEVEL: 'silent' })
  const { read } = away.app.database.pools
  await read.end()
  const body = bodyOf(await away.http.get('/status').set('Accept', 'application/json').expect(200))
  assert.equal(body.state, 'down')
  Object.assign(read, { end: () => Promise.resolve() })
})
