import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTask } from 'node-cron'
import pg from 'pg'
import { jobs } from '../../jobs/index.ts'
import type { JobCatalogue } from '../../src/platform/job.ts'
import { fireSlot, slotsOf, startSchedules } from '../../src/platform/schedule.ts'
import { eventually, startJobApp } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { startProgram } from '../support/started-site.ts'

const cleaningOn = (schedule: string) => ({ 'clean-up': { ...jobs['clean-up'], schedule } })

function lastSlotOf(pattern: string, now: string, after?: string): string | undefined {
  return slotsOf(pattern)
    .last(new Date(now), after === undefined ? 0 : Date.parse(after))
    ?.toISOString()
}

test('of two schedulers one fires each slot', async (t) => {
  const job = await startJobApp(t)
  const schedulers = [1, 2].map(() => startSchedules(job.app, cleaningOn('* * * * * *')))
  await sleep(3_500)
  await Promise.all(schedulers.map((scheduler) => scheduler.stop()))

  const slots = await job.sql('select slot from schedule_slot order by slot')
  const rows = await job.sql('select once, payload from outbox order by once')
  assert.ok(slots.length >= 3, `${slots.length} slots`)
  assert.deepEqual(
    rows,
    slots.map(({ slot }) => ({ once: `clean-up-${new Date(String(slot)).toISOString()}`, payload: {} })),
  )
})

const firedSlots = async (job: JobApp) => {
  const rows = await job.sql('select slot from schedule_slot order by slot')
  return rows.map(({ slot }) => Date.parse(String(slot)))
}

/** Each slot has its one job, and there is no job without a slot. */
async function mustHaveOneJobEach(job: JobApp): Promise<void> {
  const [row] = await job.sql(`
    select (select count(*) from schedule_slot) as slots, (select count(*) from outbox) as jobs,
           (select count(*) from schedule_slot s join outbox o
              on o.once = s.task || '-' || to_char(s.slot at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) as pairs`)
  assert.deepEqual(row, { slots: row?.['slots'], jobs: row?.['slots'], pairs: row?.['slots'] })
}

test('of two scheduler processes one may be killed at any slot: each slot is fired once all the same', async (t) => {
  const job = await startJobApp(t)
  const [victim, survivor] = [1, 2].map(() => startProgram('test/support/ticking-scheduler.ts', [], job.env))
  assert.ok(victim && survivor)
  job.after(() => survivor.child.kill('SIGKILL'))
  await Promise.all([victim.prints('ticking'), survivor.prints('ticking')])
  await eventually(async () => (await firedSlots(job)).length >= 2)
  // Slots are fired at full seconds: the one comes while both try to take it.
  await sleep(1_000 - (Date.now() % 1_000))
  victim.child.kill('SIGKILL')
  const slot = Math.floor(Date.now() / 1_000) * 1_000
  await victim.ends()
  const killed = (await firedSlots(job)).length
  await eventually(async () => (await firedSlots(job)).length >= killed + 2)
  survivor.child.kill('SIGTERM')
  await survivor.ends()

  assert.ok((await firedSlots(job)).includes(slot), 'the slot of the kill was fired')
  await mustHaveOneJobEach(job)
})

test('a scheduler that is killed in the middle of a slot leaves nothing half done, and the next one fires it', async (t) => {
  const job = await startJobApp(t)
  const locker = new pg.Client({ connectionString: job.env['DATABASE_DIRECT_URL'] })
  await locker.connect()
  job.after(() => locker.end())
  // The role's own limit would end a transaction that waits for a slow machine.
  await locker.query('set idle_in_transaction_session_timeout = 0')
  await locker.query('begin; lock table schedule_slot in exclusive mode')
  const victim = startProgram('test/support/ticking-scheduler.ts', [], job.env)
  job.after(() => victim.child.kill('SIGKILL'))
  await eventually(async () => {
    const rows = await job.sql(
      `select 1 from pg_locks where not granted and relation = 'schedule_slot'::regclass`,
    )
    return rows.length > 0
  })
  victim.child.kill('SIGKILL')
  await victim.ends()
  await locker.query('commit')
  await mustHaveOneJobEach(job)
  const next = startProgram('test/support/ticking-scheduler.ts', [], job.env)
  job.after(() => next.child.kill('SIGKILL'))
  const before = (await firedSlots(job)).length
  await eventually(async () => (await firedSlots(job)).length > before)
  next.child.kill('SIGTERM')
  await next.ends()
  await mustHaveOneJobEach(job)
})

test('a slot that was missed is caught up once within its grace, and not after it', async (t) => {
  const job = await startJobApp(t)
  const missed = new Date(Date.now() - 600_000)
  const schedule = `${missed.getUTCMinutes()} ${missed.getUTCHours()} * * *`
  const catalogue = {
    // Looked at in this order: when the second one has been fired, the first one has been left out.
    'reorder-tasks': { ...jobs['reorder-tasks'], schedule, graceSeconds: 300 },
    'clean-up': { ...jobs['clean-up'], schedule, graceSeconds: 3_600 },
  }
  for (let round = 0; round < 2; round += 1) {
    const schedulers = [1, 2].map(() => startSchedules(job.app, catalogue))
    await eventually(async () => (await firedSlots(job)).length > 0)
    await Promise.all(schedulers.map((scheduler) => scheduler.stop()))
  }
  const slot = new Date(Math.floor(missed.getTime() / 60_000) * 60_000).toISOString()
  const rows = await job.sql('select task, slot from schedule_slot')
  assert.deepEqual(
    rows.map((row) => [row['task'], new Date(String(row['slot'])).toISOString()]),
    [['clean-up', slot]],
  )
  await mustHaveOneJobEach(job)
})

test('a slot is fired once however often it is tried', async (t) => {
  const job = await startJobApp(t)
  const slot = '2026-11-21T03:17:00.000Z'
  assert.equal(await fireSlot(job.app, 'clean-up', slot), true)
  assert.equal(await fireSlot(job.app, 'clean-up', slot), false)
  assert.equal((await job.sql('select 1 from outbox')).length, 1)
})

test('the last slot that no scheduler fired is caught up at the start, once', async (t) => {
  const job = await startJobApp(t)
  const yearly = cleaningOn('0 0 1 1 *')
  const monthly = cleaningOn('0 0 1 * *')
  for (const catalogue of [yearly, monthly, monthly]) {
    const scheduler = startSchedules(job.app, catalogue)
    await sleep(300)
    await scheduler.stop()
  }
  const slots = await eventually(async () => {
    const rows = await job.sql('select task, slot from schedule_slot')
    return rows.length > 0 && rows
  })
  const [now] = await job.sql(`select date_trunc('month', now(), 'UTC') as month`)
  assert.deepEqual(slots, [{ task: 'clean-up', slot: now?.['month'] }])
})

test('jobs without a schedule are never fired', async (t) => {
  const job = await startJobApp(t)
  const scheduler = startSchedules(job.app, { 'send-mail': jobs['send-mail'] })
  await sleep(100)
  await scheduler.stop()
  assert.deepEqual(await job.sql('select 1 from schedule_slot'), [])
})

test('a slot that the database refused is fired later', async (t) => {
  const job = await startJobApp(t)
  await job.asMigrator('revoke insert on schedule_slot from app_rw')
  const scheduler = startSchedules(job.app, cleaningOn('* * * * * *'))
  await sleep(1_300)
  assert.deepEqual(await job.sql('select 1 from schedule_slot'), [])
  await job.asMigrator('grant insert on schedule_slot to app_rw')
  await eventually(async () => (await job.sql('select 1 from schedule_slot')).length > 0)
  await scheduler.stop()
})

test('the last slot of a pattern is the latest time at or before now that it names', () => {
  assert.equal(lastSlotOf('17 3 * * *', '2026-11-21T03:17:00.500Z'), '2026-11-21T03:17:00.000Z')
  assert.equal(lastSlotOf('17 3 * * *', '2026-11-21T03:16:59.000Z'), '2026-11-20T03:17:00.000Z')
  assert.equal(lastSlotOf('0 0 * * 0', '2026-11-21T03:00:00.000Z'), '2026-11-15T00:00:00.000Z')
  assert.equal(lastSlotOf('*/10 * * * * *', '2026-11-21T03:00:07.000Z'), '2026-11-21T03:00:00.000Z')
  assert.equal(lastSlotOf('17 3 * * *', '2026-11-21T03:18:00.000Z', '2026-11-21T03:17:00.000Z'), undefined)
  assert.equal(lastSlotOf('0 0 1 1 *', '2026-11-21T03:00:00.000Z'), undefined)
})

test('the last slot is the one that a look at each minute finds', () => {
  const minute = 60_000
  const begin = Date.parse('2026-02-28T23:58:30Z')
  for (const pattern of ['*/7 3,15 * * *', '59 23 * * *', '0 0 1 * *', '5 4 * * 0', '* * * * *']) {
    const task = createTask(pattern, () => undefined, { timezone: 'UTC' })
    const slots = slotsOf(pattern)
    for (let n = 0; n < 3; n += 1) {
      const now = begin + n * 97 * minute
      const after = now - 1_440 * minute
      let time = now - (now % minute)
      while (time > after && !task.match(new Date(time))) time -= minute
      const expected = time > after ? new Date(time).toISOString() : undefined
      assert.equal(slots.last(new Date(now), after)?.toISOString(), expected, `${pattern}, ${n}`)
    }
  }
})

test('all schedules are looked back at within a moment, also for a slot that never comes', () => {
  const began = performance.now()
  for (const { schedule } of Object.values(jobs as Partial<JobCatalogue>))
    if (schedule !== undefined) slotsOf(schedule).last(new Date())
  for (let n = 0; n < 20; n += 1) assert.equal(slotsOf('0 0 1 4 *').last(new Date()), undefined)
  const milliseconds = performance.now() - began
  assert.ok(milliseconds < 1_000, `${milliseconds} ms`)
})
