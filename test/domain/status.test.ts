import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budgetOf, reckonDays } from '../../src/domain/status/availability.ts'
import { addMinutes } from '../../src/domain/status/minute-repository.ts'
import {
  createMinuteBook,
  foldStatusMinutes,
  getStatus,
  writeLastMinutes,
} from '../../src/domain/status/status-service.ts'
import { startTestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { waitForReplica } from '../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const openDb = () => site.app.database.open({ writes: true })
const ago = (minutes: number) => new Date(Math.floor(Date.now() / 60_000 - minutes) * 60_000).toISOString()

test('minutes of which nobody wrote count as bad, from the first that somebody wrote of', () => {
  const seen = [
    { component: 'pages' as const, day: '2026-01-01', first: '2026-01-01T23:00:00Z', nSeen: 50, nBad: 2 },
    { component: 'pages' as const, day: '2026-01-03', first: '2026-01-03T00:00:00Z', nSeen: 60, nBad: 0 },
    { component: 'mail' as const, day: '2025-01-01', first: '2025-01-01T00:00:00Z', nSeen: 1, nBad: 1 },
  ]
  const settled = '2026-01-03T01:00:00Z'
  const days = reckonDays('pages', { reckoned: [], seen, settled })
  assert.deepEqual(
    days.map(({ day, nMinutes, nBad }) => [day, nMinutes, nBad]),
    [
      ['2026-01-01', 60, 12],
      ['2026-01-02', 1440, 1440],
      ['2026-01-03', 60, 0],
    ],
  )
  const kept = [{ component: 'pages' as const, day: '2026-01-02', nMinutes: 1440, nBad: 3 }]
  const later = reckonDays('pages', { reckoned: kept, seen: seen.slice(1), settled })
  assert.deepEqual(
    later.map(({ nBad }) => nBad),
    [3, 0],
  )
  assert.deepEqual(reckonDays('exports', { reckoned: [], seen, settled }), [])
})

test('of a month 43 minutes may be bad', () => {
  const day = (nBad: number) => ({ component: 'mail' as const, day: '2026-01-01', nMinutes: 1440, nBad })
  assert.deepEqual(budgetOf([day(700), day(0), day(144)], 2), {
    days: 2,
    goodShare: 0.95,
    minutesBad: 144,
    minutesAllowed: 2,
  })
  assert.equal(budgetOf([], 30).minutesAllowed, 43)
  assert.equal(budgetOf([], 90).goodShare, undefined)
})

test('a process tells of each minute in which it ran, once it is over, and of what waited', async () => {
  let now = Date.parse(ago(40))
  const book = createMinuteBook(['contributing', 'pages'], () => now)
  book.note('pages', true)
  book.note('pages', false)
  book.note('mail', false)
  await book.write(openDb)
  now += 60_000
  const gone = { ...openDb(), call: () => Promise.reject(new Error('away')) }
  await assert.rejects(
    book.write(() => gone),
    /away/,
  )
  await book.write(openDb)
  book.note('contributing', true)
  await book.write(openDb, true)
  assert.deepEqual(
    await rowsOf(site, 'select component, n_good, n_bad from status_minute order by minute, component'),
    [
      { component: 'contributing', n_good: 0, n_bad: 0 },
      { component: 'pages', n_good: 1, n_bad: 1 },
      { component: 'contributing', n_good: 1, n_bad: 0 },
      { component: 'pages', n_good: 0, n_bad: 0 },
    ],
  )
})

test('while the database is away a day of minutes waits', async () => {
  let now = Date.parse('2020-01-01T00:00:00Z')
  const book = createMinuteBook(['pages'], () => now)
  for (let n = 0; n < 1_500; n += 1) {
    book.note('pages', true)
    now += 60_000
  }
  await book.write(openDb)
  const kept = await rowsOf(site, "select minute from status_minute where minute < '2021-01-01'")
  assert.equal(kept.length, 1_439)
  await rowsOf(site, "delete from status_minute where minute < '2021-01-01'")
})

test('a component is as its last minutes were', async () => {
  await rowsOf(site, 'delete from status_minute')
  const minutes = [2, 3, 4].flatMap((n) => [
    { minute: ago(n), component: 'pages' as const, nGood: 100, nBad: n === 2 ? 2 : 1 },
    { minute: ago(n), component: 'contributing' as const, nGood: 0, nBad: 1 },
    { minute: ago(n), component: 'mail' as const, nGood: 1, nBad: 0 },
  ])
  await openDb().call((primary) => addMinutes(primary, minutes))
  await waitForReplica()
  const status = await getStatus(site.app.database.open({ writes: false }))
  assert.deepEqual(
    status.components.map(({ name, state }) => [name, state]),
    [
      ['contributing', 'down'],
      ['pages', 'troubled'],
      ['exports', 'unknown'],
      ['mail', 'up'],
    ],
  )
  assert.equal(status.state, 'down')
  await rowsOf(
    site,
    "delete from status_minute where component = 'mail' and minute >= now() - interval '1 hour'",
  )
  await openDb().call((primary) =>
    addMinutes(primary, [{ minute: ago(30), component: 'mail', nGood: 1, nBad: 0 }]),
  )
  await waitForReplica()
  const later = await getStatus(site.app.database.open({ writes: false }))
  assert.equal(
    later.components.find(({ name }) => name === 'mail')?.state,
    'down',
    'nobody writes of it any more',
  )
})

test('days that are over are kept in one row each, and old ones are forgotten', async () => {
  await rowsOf(site, 'delete from status_minute')
  await rowsOf(
    site,
    `insert into status_minute select date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - interval '3 days'
       + n * interval '1 minute', 'pages', 1, (n < 5)::int from generate_series(0, 1400) n`,
  )
  await rowsOf(site, "insert into status_day values (current_date - 200, 'pages', 1440, 0)")
  await openDb().call((primary) =>
    addMinutes(primary, [{ minute: ago(5), component: 'pages', nGood: 1, nBad: 0 }]),
  )
  await foldStatusMinutes(openDb)
  assert.equal(await foldStatusMinutes(openDb), 0, 'nothing is left to fold')
  assert.deepEqual(await rowsOf(site, 'select component, n_minutes, n_bad from status_day'), [
    { component: 'pages', n_minutes: 1440, n_bad: 44 },
  ])
  assert.deepEqual(await rowsOf(site, 'select component from status_minute'), [{ component: 'pages' }])
})

test('a process ends although its last minutes cannot be written', async () => {
  const book = createMinuteBook(['pages'])
  const told: unknown[] = []
  const log = { warn: ({ err }: { err: unknown }) => told.push(String(err)) }
  const away = () => {
    throw new Error('away')
  }
  await writeLastMinutes(book, away, log)
  await writeLastMinutes({ ...book, write: () => new Promise(() => undefined) }, openDb, log, 1)
  assert.deepEqual(told, ['Error: away', 'Error: Not written within 1 ms'])
})
