import { createTask } from 'node-cron'
import type { ScheduledTask } from 'node-cron'
import type { App } from './app.ts'
import type { JobCatalogue } from './job.ts'
import { startLoop } from './loop.ts'
import { takeSlot } from './outbox-store.ts'
import type { JobName } from './queue.ts'

export interface Schedules {
  stop(): Promise<void>
}

/** How often a scheduler looks whether the last slot was fired, in milliseconds. */
const CATCH_UP_MS = 30_000
/** How many steps of its pattern back a slot is looked for: a month for patterns of minutes. */
const LOOK_BACK = 31 * 24 * 60

/**
 * Fires every job of the catalogue that has a schedule. Any number of schedulers may run: a slot is fired once. The
 * last slot is caught up within its grace when no scheduler ran at its time, or none reached the database; earlier ones
 * are not.
 */
export function startSchedules(
  app: Pick<App, 'database' | 'queue' | 'log'>,
  catalogue: Partial<JobCatalogue>,
): Schedules {
  const schedules = Object.values(catalogue).flatMap(({ name, schedule, graceSeconds }) =>
    schedule === undefined ? [] : [startSchedule(app, name, schedule, graceSeconds)],
  )
  const catchUp = startLoop(
    'catch up schedules',
    CATCH_UP_MS,
    async () => {
      for (const schedule of schedules) await schedule.catchUp()
      return false
    },
    app.log,
  )
  return {
    async stop() {
      await Promise.all(schedules.map((schedule) => schedule.stop()))
      await catchUp.stop()
    },
  }
}

function startSchedule(
  app: Pick<App, 'database' | 'queue' | 'log'>,
  job: JobName,
  pattern: string,
  graceSeconds = Infinity,
) {
  const firing = new Set<Promise<unknown>>()
  /** All slots until then have been seen to. */
  let doneUntil = 0

  async function fire(slot: Date): Promise<void> {
    if (slot.getTime() <= doneUntil) return
    if (await fireSlot(app, job, slot.toISOString())) app.log.info({ job, slot }, 'schedule fired')
    doneUntil = Math.max(doneUntil, slot.getTime())
  }

  const task = createTask(
    pattern,
    async ({ date }) => {
      const fired = fire(date).catch((error: unknown) => {
        app.log.warn({ err: error, job, slot: date }, 'schedule not fired: it is caught up later')
      })
      firing.add(fired)
      await fired
      firing.delete(fired)
    },
    { name: job, timezone: 'UTC', suppressMissedWarning: true },
  )
  void task.start()

  return {
    async catchUp() {
      const now = new Date()
      const slot = lastSlot(task, now, Math.max(doneUntil, now.getTime() - graceSeconds * 1_000))
      if (slot) await fire(slot)
      doneUntil = Math.max(doneUntil, now.getTime())
    },
    async stop() {
      await task.destroy()
      await Promise.all(firing)
    },
  }
}

/**
 * The latest time at or before `now` that a task's pattern names; undefined when that is too long ago to matter.
 *
 * @param after milliseconds; earlier times do not count.
 */
export function lastSlot(
  task: Pick<ScheduledTask, 'match' | 'getPattern'>,
  now: Date,
  after = 0,
): Date | undefined {
  const hasSeconds = task.getPattern().trim().split(/\s+/).length === 6
  const step = hasSeconds ? 1_000 : 60_000
  const latest = Math.floor(now.getTime() / step) * step
  const earliest = Math.max(after + 1, latest - LOOK_BACK * step)
  for (let time = latest; time >= earliest; time -= step) {
    const slot = new Date(time)
    if (task.match(slot)) return slot
  }
  return undefined
}

/**
 * Fires one slot of a schedule: inserts the slot and, as the one who could, the job in the same transaction.
 *
 * @param slot the ISO time at which the schedule fires.
 * @returns whether this call fired it.
 */
export async function fireSlot(
  app: Pick<App, 'database' | 'queue'>,
  job: JobName,
  slot: string,
): Promise<boolean> {
  return app.database.open({ writes: true }).write(async (tx) => {
    if (!(await takeSlot(tx, job, slot))) return false
    await app.queue.enqueue(tx, job, {}, { once: `${job}-${slot}` })
    return true
  })
}
