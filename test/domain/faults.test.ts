import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import pg from 'pg'
import supertest from 'supertest'
import { tellFaultsJob } from '../../jobs/tell-faults.ts'
import { choose } from '../../src/domain/mails/choice-service.ts'
import { faultOf } from '../../src/domain/faults/fault.ts'
import { createFaultBook, forgetOldFaults } from '../../src/domain/faults/fault-service.ts'
import type { JobRun } from '../../src/platform/job.ts'
import { createServer } from '../../src/web/server.ts'
import { startTestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { eventually } from '../support/jobs.ts'

const site = await startTestApp(untilFileEnds(), { LOG_LEVEL: 'silent' })
const [admin, other] = [await site.user(), await site.user()]
await rowsOf(site, 'update user_account set is_admin = true')
await choose(site.app.database.open({ writes: true }), { userId: other.id, kind: 'site' }, false)

const openDb = () => site.app.database.open({ writes: true })
const run: JobRun = {
  openDb,
  commit: (effect) => openDb().write(effect),
  log: site.app.log,
  mustHold: () => Promise.resolve(),
  signal: new AbortController().signal,
}
const book = createFaultBook()
const server = await createServer(site.app, {
  onUnforeseen({ error, ...where }) {
    book.note(error, where)
  },
})
const http = supertest(server.callback)

/** Whoever adds a project meets an error that tells who they are and a key. */
const direct = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] })
await direct.connect()
await direct.query(
  `create function fail() returns trigger language plpgsql as
     $$ begin raise exception 'grace@example.org cannot: the key is s3cr3t-w0rd' using errcode = 'XX123'; end $$;
   create trigger fails before insert on project for each row execute function fail()`,
)
await direct.end()

const meet = (shortName: string) =>
  http
    .post('/api/project')
    .query({ api_key: admin.apiKey })
    .send({ name: shortName, short_name: shortName, description: 'x', long_description: 'x' })

interface SentMail {
  recipient: string
  subject: string
  text: string
  html: string
}

const mails = () =>
  rowsOf<SentMail>(
    site,
    'select recipient, subject, text_body as text, html_body as html from mail order by id',
  )

async function tell(): Promise<void> {
  await book.write(openDb)
  await tellFaultsJob.handle(site.app, {}, run)
}

/** As if the last mail had left so long ago. */
const later = (hours: number) =>
  rowsOf(site, 'update fault set told = told - make_interval(hours => $1)', [hours])

test('admins hear of errors that people met: where, and nothing of what was said; each kind once in six hours', async () => {
  await tell()
  assert.deepEqual(await mails(), [])
  for (let n = 0; n < 30; n += 1) await meet(`birds-of-grace-${n}`).expect(500)
  const { headers } = await meet('last-birds').expect(500)
  await tell()
  const [mail, ...more] = await mails()
  assert.deepEqual(more, [], 'the other admin does not want such mails')
  assert.equal(mail?.recipient, admin.email)
  assert.equal(mail.subject, 'Manyhands: 31 requests ended in an error')
  for (const body of [mail.text, mail.html]) {
    assert.match(body, /XX123/)
    assert.match(body, /POST \/api\/project/)
    assert.match(body, /31 times/)
    assert.match(body, /insertProject \(src\/domain\/projects\/project-repository\.ts:\d+\)/)
    assert.ok(body.includes(String(headers['x-request-id'])))
    assert.doesNotMatch(body, /grace|s3cr3t|birds|node_modules|file:/)
  }

  await meet('again').expect(500)
  await tell()
  await later(5)
  await tell()
  assert.equal((await mails()).length, 1)
  await later(2)
  await tell()
  const [, second] = await mails()
  assert.equal(second?.subject, 'Manyhands: 1 request ended in an error')
  await later(7)
  await tell()
  assert.equal((await mails()).length, 2, 'nothing came since')
})

test('what is refused, not there or away is no error of ours', async () => {
  await http.get('/none').expect(404)
  await http.get('/api/project/0/newtask').expect(404)
  await http.post('/api/project').send({}).expect(401)
  await book.write(openDb)
  assert.deepEqual(await rowsOf(site, 'select 1 from fault where n_untold > 0'), [])
})

test('a flood of different errors is one mail an hour, and few rows', async () => {
  await rowsOf(site, 'delete from fault; delete from mail')
  for (let n = 0; n < 200; n += 1)
    book.note(new Error('x'), { place: `GET /page-${n}`, requestId: undefined })
  await tell()
  assert.deepEqual(await rowsOf(site, 'select count(*)::int as n from fault'), [{ n: 50 }])
  await tell()
  const [mail, ...more] = await mails()
  assert.deepEqual(more, [])
  assert.equal(mail?.subject, 'Manyhands: 20 requests ended in an error')
  await later(1)
  await tell()
  assert.equal((await mails()).length, 2)
})

test('runs at the same moment send one mail, and lose nothing that is written meanwhile', async () => {
  await rowsOf(site, 'delete from fault; delete from mail')
  const where = { place: 'GET /x', requestId: undefined }
  const error = new TypeError('x')
  book.note(error, where)
  await book.write(openDb)
  await Promise.all([1, 2, 3].map(() => tellFaultsJob.handle(site.app, {}, run)))
  assert.deepEqual(
    (await mails()).map(({ subject }) => subject),
    ['Manyhands: 1 request ended in an error'],
  )
  await later(7)
  book.note(error, where)
  await book.write(openDb)
  const release = Promise.withResolvers<undefined>()
  const held = openDb().write(async (tx) => {
    await sql`update fault set n_untold = n_untold + 4`.execute(tx)
    await release.promise
  })
  const telling = tellFaultsJob.handle(site.app, {}, run)
  await eventually(async () => {
    const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'with due as'`
    return (await rowsOf(site, waiting)).length > 0
  })
  release.resolve(undefined)
  await Promise.all([held, telling])
  const [row] = await rowsOf<{ n: number }>(site, 'select n_untold as n from fault')
  const told = Number(/: (\d+) requests? ended/.exec((await mails())[1]?.subject ?? '')?.[1] ?? 0)
  assert.equal(told + (row?.n ?? 0), 5)
})

test('what cannot be written waits, and adds up with what comes meanwhile', async () => {
  await rowsOf(site, 'delete from fault')
  const where = { place: 'GET /x', requestId: 'first-request' }
  const error = new TypeError('x')
  book.note(error, where)
  const away = {
    ...openDb(),
    call: () => {
      book.note(error, { ...where, requestId: 'second-request' })
      return Promise.reject(new Error('away'))
    },
  }
  await assert.rejects(
    book.write(() => away),
    /away/,
  )
  await book.write(openDb)
  assert.deepEqual(await rowsOf(site, 'select name, n_untold, request_id from fault'), [
    { name: 'TypeError', n_untold: 2, request_id: 'second-request' },
  ])
  await rowsOf(site, `update fault set last_seen = now() - interval '91 days'`)
  assert.equal(await forgetOldFaults(openDb), 1)
})

test('an error is known by its class, code, route and way through our code; its words and folders are left out', () => {
  const stack = (line: number, folder = '/opt/hands/current') =>
    [
      'RangeError: no room for ada@example.org',
      `    at storeBirds (file://${folder}/src/domain/birds/bird-service.ts:${line}:9)`,
      `    at async file://${folder}/src/web/api/birds.ts:7:3`,
      `    at Layer.dispatch (file://${folder}/node_modules/koa/src/compose.ts:42:32)`,
      '    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)',
    ].join('\n')
  const error = () => new RangeError('no room for ada@example.org')
  const at = (line: number, folder?: string) =>
    faultOf(Object.assign(error(), { stack: stack(line, folder), code: 'ENOSPC' }), 'GET /birds')
  const fault = at(11)
  assert.equal(fault.name, 'RangeError ENOSPC')
  assert.equal(
    fault.trace,
    'storeBirds (src/domain/birds/bird-service.ts:11)\na function (src/web/api/birds.ts:7)',
  )
  assert.equal(at(12, '/srv/other/release').fingerprint, fault.fingerprint)
  assert.notEqual(faultOf(new RangeError('x'), 'GET /birds').fingerprint, fault.fingerprint)
  assert.equal(faultOf('ada@example.org', 'GET /birds').name, 'string')
  const odd = Object.assign(new Error('x'), { code: 'ada@example.org', stack: undefined })
  assert.deepEqual([faultOf(odd, 'x').name, faultOf(odd, 'x').trace], ['Error', ''])
})

test('what an error says is left out where it looks like a way through our code, and is not searched for long', () => {
  const line = '    at ada@example.org key=s3cret (/a/src/b.ts:1:1)'
  const error = new Error(`no room\n${line}\n${line}`)
  const own = '\n    at storeBirds (/opt/hands/src/domain/birds.ts:3:1)'
  assert.ok(error.stack?.includes(line))
  const seen = Object.assign(error, { stack: `Error: ${error.message}${own}` })
  assert.equal(faultOf(seen, 'x').trace, 'storeBirds (src/domain/birds.ts:3)')
  error.message = 'said in other words'
  assert.equal(faultOf(error, 'x').trace, '', 'what is a frame is not known')

  const long = Object.assign(new Error('x'), { stack: `Error: x\nat ${' (/'.repeat(4_000)}${own}` })
  const begin = performance.now()
  assert.equal(faultOf(long, 'x').trace, 'storeBirds (src/domain/birds.ts:3)')
  assert.ok(performance.now() - begin < 500)
})
