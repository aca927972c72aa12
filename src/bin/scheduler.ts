import { jobs } from '../../jobs/index.ts'
import { createApp } from '../platform/app.ts'
import { loadConfig } from '../platform/config.ts'
import { startSchedules } from '../platform/schedule.ts'
import { runProcess } from './local/run-process.ts'

await runProcess('scheduler', async () => {
  const app = await createApp(loadConfig(process.env), 'scheduler', jobs)
  const schedules = startSchedules(app, jobs)
  app.log.info('scheduler fires slots')
  return async () => {
    await schedules.stop()
    await app.close()
  }
})
