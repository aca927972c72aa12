import { jobs } from '../../jobs/index.ts'
import { createFaultBook } from '../domain/faults/fault-service.ts'
import { createMinuteBook, writeLastMinutes } from '../domain/status/status-service.ts'
import { createApp } from '../platform/app.ts'
import { loadConfig } from '../platform/config.ts'
import { createHold } from '../platform/hold.ts'
import { writeLast } from '../platform/last-write.ts'
import { startLoop } from '../platform/loop.ts'
import { createServer } from '../web/server.ts'
import { runProcess } from './local/run-process.ts'

/** Requests without which nobody can contribute. */
const CONTRIBUTING: ReadonlySet<string> = new Set(['newtask', 'taskrun', 'contribute'])
/** How often is written what the status page and admins are told, in milliseconds. */
const NOTE_MS = 10_000

await runProcess('web', async () => {
  const config = loadConfig(process.env)
  const app = await createApp(config, 'web', jobs)
  const openDb = () => app.database.open({ writes: true })
  const minutes = createMinuteBook(['contributing', 'pages'])
  const faults = createFaultBook()
  const server = await createServer(app, {
    hold: createHold(),
    onRequest({ group, status }) {
      minutes.note(CONTRIBUTING.has(group) ? 'contributing' : 'pages', status < 500)
    },
    onUnforeseen({ error, ...where }) {
      faults.note(error, where)
    },
  })
  await server.listen(config.http.port, config.http.host)
  app.log.info({ url: config.site.url }, 'web is listening')
  const noting = [
    startLoop('note minutes', NOTE_MS, () => minutes.write(openDb).then(() => false), app.log),
    startLoop('note faults', NOTE_MS, () => faults.write(openDb).then(() => false), app.log),
  ]
  return async () => {
    await server.close()
    await Promise.all(noting.map((loop) => loop.stop()))
    await Promise.all([
      writeLastMinutes(minutes, openDb, app.log),
      writeLast('faults', () => faults.write(openDb), app.log),
    ])
    await app.close()
  }
})
