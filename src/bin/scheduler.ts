import { jobs } from '../../jobs/index.ts'
import { siteFigures } from '../domain/status/status-service.ts'
import { createApp } from '../platform/app.ts'
import { loadConfig } from '../platform/config.ts'
import { createMetrics } from '../platform/metrics.ts'
import { listenForMetrics } from '../platform/metrics-listener.ts'
import { runningRelease } from '../platform/release.ts'
import { startSchedules } from '../platform/schedule.ts'
import { runProcess } from './local/run-process.ts'

await runProcess('scheduler', async () => {
  const app = await createApp(loadConfig(process.env), 'scheduler', jobs)
  const schedules = startSchedules(app, jobs)
  const metrics = createMetrics(app, { figures: siteFigures, catalogue: jobs })
  const listener = await listenForMetrics(app, metrics, runningRelease())
  app.log.info('scheduler fires slots')
  return async () => {
    await schedules.stop()
    await listener.close()
    await app.close()
  }
})
