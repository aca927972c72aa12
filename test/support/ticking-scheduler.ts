import { jobs } from '../../jobs/index.ts'
import { runProcess } from '../../src/bin/local/run-process.ts'
import { createApp } from '../../src/platform/app.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { startSchedules } from '../../src/platform/schedule.ts'

/** A scheduler as it runs anywhere, but for one schedule that is due each second. */
await runProcess('ticking scheduler', async () => {
  const app = await createApp(loadConfig(process.env), 'scheduler', jobs)
  const schedules = startSchedules(app, { 'clean-up': { ...jobs['clean-up'], schedule: '* * * * * *' } })
  console.log('ticking')
  return async () => {
    await schedules.stop()
    await app.close()
  }
})
