import { jobs } from '../../jobs/index.ts'
import { createApp } from '../platform/app.ts'
import { loadConfig } from '../platform/config.ts'
import { createServer } from '../web/server.ts'
import { runProcess } from './local/run-process.ts'

await runProcess('web', async () => {
  const config = loadConfig(process.env)
  const app = await createApp(config, 'web', jobs)
  const server = await createServer(app)
  await server.listen(config.http.port, config.http.host)
  app.log.info({ url: config.site.url }, 'web is listening')
  return async () => {
    await server.close()
    await app.close()
  }
})
