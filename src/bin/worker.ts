import { jobs } from '../../jobs/index.ts'
import { SWEEP_BATCH, paceLeases, sweepLeases } from '../domain/assignment/assignment-service.ts'
import {
  createMinuteBook,
  siteFigures,
  workState,
  writeLastMinutes,
} from '../domain/status/status-service.ts'
import { FOLD_BATCH, createTotalFolder } from '../domain/totals/total-service.ts'
import { createApp } from '../platform/app.ts'
import { loadConfig } from '../platform/config.ts'
import { startJobs } from '../platform/job-runner.ts'
import { startLoop } from '../platform/loop.ts'
import { createMetrics } from '../platform/metrics.ts'
import { listenForMetrics } from '../platform/metrics-listener.ts'
import { runningRelease } from '../platform/release.ts'
import { runProcess } from './local/run-process.ts'

/** How long running jobs may take to end after a signal, in milliseconds. */
const JOBS_END_MS = 25_000
const SECOND_MS = 1_000
const PACE_MS = 10_000
const LOOK_MS = 20_000

await runProcess('worker', async () => {
  const config = loadConfig(process.env)
  const app = await createApp(config, 'worker', jobs)
  const openDb = () => app.database.open({ writes: true })
  const totals = createTotalFolder(app)
  const minutes = createMinuteBook(['exports', 'mail'])
  async function noteMinutes() {
    const { exports, mail } = await workState(app.queue)
    minutes.note('exports', exports)
    minutes.note('mail', mail)
    await minutes.write(openDb)
    return false
  }
  const runner = startJobs(app, jobs, config.jobs.only)
  const loops = [
    startLoop('relay the outbox', SECOND_MS, () => app.queue.sweep().then(() => false), app.log),
    startLoop('fold totals', SECOND_MS, async () => (await totals.fold()) === FOLD_BATCH, app.log),
    startLoop('sweep leases', SECOND_MS, async () => (await sweepLeases(openDb())) === SWEEP_BATCH, app.log),
    startLoop('pace leases', PACE_MS, () => paceLeases(openDb()).then(() => false), app.log),
    startLoop('note minutes', LOOK_MS, noteMinutes, app.log),
  ]
  // Last of all: who is asked here for its release is at work.
  const metrics = createMetrics(app, { figures: siteFigures, catalogue: jobs })
  const listener = await listenForMetrics(app, metrics, runningRelease())
  app.log.info({ jobs: config.jobs.only ? Object.fromEntries(config.jobs.only) : 'all' }, 'worker takes jobs')
  return async () => {
    await Promise.all(loops.map((loop) => loop.stop()))
    await runner.stop(JOBS_END_MS)
    await writeLastMinutes(minutes, openDb, app.log)
    await listener.close()
    await app.close()
  }
})
