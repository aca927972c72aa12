import { createTask } from 'node-cron'
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
  const slots = slotsOf(pattern)
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
      const slot = slots.last(now, Math.max(doneUntil, now.getTime() - graceSeconds * 1_000))
      if (slot) await fire(slot)
      doneUntil = Math.max(doneUntil, now.getTime())
    },
    async stop() {
      await task.destroy()
      await Promise.all(firing)
    },
  }
}

/** A pattern's times, to be looked back at. */
export interface Slots {
  /**
   * The latest time at or before `now` that the pattern names; undefined when that is too long ago to matter.
   *
   * @param after milliseconds; earlier times do not count.
   */
  last(now: Date, after?: number): Date | undefined
}

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** A length of time, and whether the pattern names a time within the one that begins then. */
interface Step {
  readonly milliseconds: number
  names(time: number): boolean
}

/**
 * Looks for days first, in them for hours, and in those for minutes: a month of minutes is forty thousand, and a process
 * that goes through them does nothing else for so long.
 *
 * @param pattern as cron has it, in UTC.
 */
export function slotsOf(pattern: string): Slots {
  const fields = pattern.trim().split(/\s+/)
  const hasSeconds = fields.length === 6
  const [second = '0', minute = '', hour = '', ...days] = hasSeconds ? fields : ['0', ...fields]
  const stepOf = (milliseconds: number, time: readonly string[]): Step => {
    const task = createTask([...time, ...days].join(' '), () => undefined, { timezone: 'UTC' })
    return { milliseconds, names: (at) => task.match(new Date(at)) }
  }
  const steps = [
    stepOf(DAY_MS, ['0', '0', '0']),
    stepOf(HOUR_MS, ['0', '0', hour]),
    stepOf(MINUTE_MS, ['0', minute, hour]),
    ...(hasSeconds ? [stepOf(SECOND_MS, [second, minute, hour])] : []),
  ]
  const lookBackMs = LOOK_BACK * (hasSeconds ? SECOND_MS : MINUTE_MS)
  return {
    last(now, after = 0) {
      const time = lastIn(steps, Math.max(after + 1, now.getTime() - lookBackMs), now.getTime())
      return time === undefined ? undefined : new Date(time)
    },
  }
}

/** The latest time from `earliest` to `latest` that all of these steps name. */
function lastIn([step, ...finer]: readonly Step[], earliest: number, latest: number): number | undefined {
  if (!step) return earliest <= latest ? latest : undefined
  const { milliseconds } = step
  for (let time = latest - (latest % milliseconds); time + milliseconds > earliest; time -= milliseconds) {
    if (!step.names(time)) continue
    const until = finer.length === 0 ? time : Math.min(latest, time + milliseconds - 1)
    const found = lastIn(finer, Math.max(earliest, time), until)
    if (found !== undefined) return found
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
