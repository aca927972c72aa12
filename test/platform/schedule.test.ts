import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTask } from 'node-cron'
import { jobs } from '../../jobs/index.ts'
import { fireSlot, lastSlot, startSchedules } from '../../src/platform/schedule.ts'
import { eventually, startJobApp } from '../support/jobs.ts'

const cleaningOn = (schedule: string) => ({ 'clean-up': { ...jobs['clean-up'], schedule } })

function lastSlotOf(pattern: string, now: string, after?: string): string | undefined {
  const task = createTask(pattern, () => undefined, { timezone: 'UTC' })
  return lastSlot(task, new Date(now), after === undefined ? 0 : Date.parse(after))?.toISOString()
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
