import { jobs } from '../../jobs/index.ts'
import { sweepLeases } from '../domain/assignment/assignment-service.ts'
import { foldTotals } from '../domain/totals/total-service.ts'
import { createApp } from '../platform/app.ts'
import { loadConfig } from '../platform/config.ts'
import { startJobs } from '../platform/job-runner.ts'
import { startLoop } from '../platform/loop.ts'
import { runProcess } from './local/run-process.ts'

/** How long running jobs may take to end after a signal, in milliseconds. */
const JOBS_END_MS = 25_000

await runProcess('worker', async () => {
  const config = loadConfig(process.env)
  const app = await createApp(config, 'worker', jobs)
  const openDb = () => app.database.open({ writes: true })
  const runner = startJobs(app, jobs, config.jobs.only)
  const loops = [
    startLoop('relay the outbox', 1_000, async () => (await app.queue.relay(), false), app.log),
    startLoop('fold totals', 1_000, async () => (await foldTotals(openDb()), false), app.log),
    startLoop('sweep leases', 1_000, async () => (await sweepLeases(openDb())) > 0, app.log),
  ]
  app.log.info('worker takes jobs')
  return async () => {
    await Promise.all(loops.map((loop) => loop.stop()))
    await runner.stop(JOBS_END_MS)
    await app.close()
  }
})
