import { createTask } from 'node-cron'
import type { App } from './app.ts'
import type { JobCatalogue } from './job-runner.ts'
import type { JobName } from './queue.ts'
import { takeSlot } from './outbox-store.ts'

export interface Schedules {
  stop(): Promise<void>
}

/** Fires every job of the catalogue that has a schedule. Any number of schedulers may run: a slot is fired once. */
export function startSchedules(app: App, catalogue: JobCatalogue): Schedules {
  const tasks = Object.values(catalogue).flatMap((job) => {
    const { schedule, name } = job
    if (schedule === undefined) return []
    return createTask(
      schedule,
      async ({ date }) => {
        await fireSlot(app, name, date.toISOString())
      },
      { name, timezone: 'UTC', noOverlap: true },
    )
  })
  for (const task of tasks) void task.start()
  return {
    async stop() {
      await Promise.all(tasks.map((task) => task.destroy()))
    },
  }
}

/**
 * Fires one slot of a schedule: inserts the slot and, as the one who could, the job in the same transaction.
 *
 * @returns whether this call fired it.
 */
export async function fireSlot(
  app: Pick<App, 'database' | 'queue'>,
  job: JobName,
  slot: string,
): Promise<boolean> {
  return app.database.open({ writes: true }).write(async (tx) => {
    if (!(await takeSlot(tx, job, slot))) return false
    await app.queue.enqueue(tx, job, {} as never, { once: `${job}-${slot}` })
    return true
  })
}
