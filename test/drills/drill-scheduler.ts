import { jobs } from '../../jobs/index.ts'
import { siteStatistics } from '../../jobs/site-statistics.ts'
import { runProcess } from '../../src/bin/local/run-process.ts'
import { createApp } from '../../src/platform/app.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { startSchedules } from '../../src/platform/schedule.ts'

/** A scheduler as bin/scheduler.ts, with one job whose slots are so near each other that a drill sees many. */
await runProcess('scheduler', async () => {
  const app = await createApp(loadConfig(process.env), 'scheduler', jobs)
  const schedules = startSchedules(app, {
    'site-statistics': { ...siteStatistics, schedule: '*/2 * * * * *' },
  })
  // Told to the drill, which kills the other one only then.
  process.stdout.write('fires slots\n')
  return async () => {
    await schedules.stop()
    await app.close()
  }
})
