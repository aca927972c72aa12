import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createChat } from '../deploy/chat.ts'
import { createDeployer } from '../deploy/deployer.ts'
import { createGitHub } from '../deploy/github.ts'
import { createDeployHttp } from '../deploy/page/server.ts'
import { createRuns } from '../deploy/runs.ts'
import { webhookRoutes } from '../deploy/webhooks.ts'
import { buildAssets, loadAssets } from '../http/assets.ts'
import { createRedaction } from '../lib/redaction.ts'
import { appKeys } from '../platform/config.ts'
import { loadDeploySettings } from '../platform/deploy-config.ts'
import { openDeployStore } from '../platform/deploy-store.ts'
import { takeLock } from '../platform/file-lock.ts'
import { createLogger } from '../platform/log.ts'
import { startLoop } from '../platform/loop.ts'
import { createSealer } from '../platform/sealing.ts'
import { runProcess } from './local/run-process.ts'
import { applicationKeyFile } from './local/settings.ts'

await runProcess('deploy-server', async () => {
  const settings = loadDeploySettings(process.env)
  const { folder } = settings
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (takeLock(join(folder, 'server.lock')) === undefined) throw new Error(`another one runs on ${folder}`)
  const log = createLogger('deploy', settings.logLevel)
  const store = openDeployStore(join(folder, 'deploys.db'), createRedaction(settings.secrets))
  const runs = createRuns(folder)
  const deployer = createDeployer({
    ...{ settings, store, runs, log },
    github: createGitHub(settings),
    chat: createChat(settings),
  })
  await buildAssets({ outDir: settings.assets })
  const server = await createDeployHttp({
    ...{ settings, store, runs, log },
    sealer: createSealer(appKeys(undefined, applicationKeyFile(folder))),
    assets: await loadAssets(settings.assets),
    webhooks: webhookRoutes(settings, store, () => {
      deployer.wake()
    }),
  })
  server.listen(settings.port, settings.host)
  await once(server, 'listening')
  const loop = startLoop('deploys', settings.pollMs, () => deployer.round(), log)
  log.info({ url: settings.url, address: server.address() }, 'deploy server is listening')
  return async () => {
    server.close()
    server.closeAllConnections()
    await loop.stop()
    await deployer.settled()
    store.close()
  }
})
