import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDeployStore } from '../../src/platform/deploy-store.ts'
import type { DeployState } from '../../src/platform/deploy-store.ts'
import { deployScene, playbooks, recorded, webhookHeaders } from '../support/deploy-server.ts'
import { assetsFolder } from '../support/servers.ts'
import { freePort, startProgram } from '../support/started-site.ts'

/** Ends what waits until a file is there. */
const waitFor = (file: string) => `while [ ! -e ${file} ]; do sleep 0.1; done`

test('a server that is killed in any state knows the truth when it is back, and goes on', async (t) => {
  const port = await freePort()
  const scene = await deployScene(t, {
    ASSETS_DIR: await assetsFolder(),
    DEPLOY_PORT: String(port),
    LOG_LEVEL: 'info',
  })
  const { github, folder, env } = scene
  const file = (name: string) => join(folder, name)
  const open = (name: string) => {
    writeFileSync(file(name), '')
  }
  let server = startProgram('src/bin/deploy-server.ts', [], env)
  t.after(() => server.child.kill('SIGKILL'))
  await server.prints('deploy server is listening')
  const store = openDeployStore(join(folder, 'server/deploys.db'), (text) => text)
  t.after(() => {
    store.close()
  })

  async function until(id: number, state: DeployState): Promise<void> {
    for (let left = 2_400; store.find(id)?.state !== state; left -= 1) {
      if (left === 0)
        throw new Error(`Deploy ${id} is ${store.find(id)?.state}, not ${state}: ${server.output()}`)
      await sleep(50)
    }
  }
  async function killAndStart(): Promise<void> {
    server.child.kill('SIGKILL')
    await server.ends()
    server = startProgram('src/bin/deploy-server.ts', [], env)
    await server.prints('deploy server is listening')
  }
  async function push(): Promise<void> {
    const body = JSON.stringify({ ...recorded('push'), ref: 'refs/heads/master' })
    const headers = webhookHeaders('push', body)
    const { status } = await fetch(`http://127.0.0.1:${port}/webhooks/github`, {
      method: 'POST',
      headers,
      body,
    })
    assert.equal(status, 202)
  }

  github.failing.push({ line: /compare/, status: 500 })
  const slow = playbooks({
    deploy: waitFor(file('deploy')),
    verify: waitFor(file('verify')),
    rollback: waitFor(file('rollback')),
  })
  const first = github.commit('First', slow)
  await push()
  await until(1, 'received')
  await killAndStart()
  github.failing.length = 0
  await until(1, 'checks')
  await killAndStart()
  store.set('lock', 'a person looks')
  github.check(first, 'success')
  await until(1, 'queued')
  await killAndStart()
  assert.equal(store.find(1)?.state, 'queued')
  store.unlock({ who: 'olga' })
  await until(1, 'running')
  await killAndStart()
  open('deploy')
  await until(1, 'verifying')
  await killAndStart()
  open('verify')
  await until(1, 'success')

  const second = github.commit('Second', { ...playbooks({ verify: 'echo wrong version; exit 1' }) })
  github.check(second, 'success')
  github.git('checkout', '--quiet', second)
  // What it goes back by is the first release's own playbook.
  await push()
  await until(2, 'rolling_back')
  await killAndStart()
  rmSync(file('verify'))
  open('rollback')
  await until(2, 'verifying_back')
  await killAndStart()
  open('verify')
  await until(2, 'rolled_back')
  const third = github.commit('Third', playbooks())
  github.git('branch', '--force', 'master', third)
  github.check(third, 'success')
  // Nobody says anything: what was merged while it was away, or whose webhook was lost, is found.
  await killAndStart()
  await until(3, 'success')

  const told = (id: number) => github.statesOf(Number(store.find(id)?.githubId)).at(-1)
  // GitHub is told beside what goes on.
  while (told(3) !== 'success') await sleep(50)
  assert.deepEqual([1, 2].map(told), ['success', 'failure'])
  assert.equal(github.deployments.length, 3, 'no deployment was made twice')

  const other = startProgram('src/bin/deploy-server.ts', [], env)
  assert.equal(await other.ends(), 1)
  assert.match(other.output(), /another one runs on/)
  server.child.kill('SIGTERM')
  assert.equal(await server.ends(), 0)
})

test('settings that are wrong are all named at the start', async () => {
  const server = startProgram('src/bin/deploy-server.ts', [], {
    DEPLOY_COMMAND: 'ansible-playbook',
    DEPLOY_OPERATORS: '{"olga":"her password"}',
    DEPLOY_WEBHOOK_SECRETS: 'short',
  })
  assert.equal(await server.ends(), 1)
  for (const name of [
    'DEPLOY_URL',
    'DEPLOY_SITE_URL',
    'DEPLOY_REPOSITORY',
    'DEPLOY_GITHUB_TOKEN',
    'DEPLOY_COMMAND: is no JSON list',
  ])
    assert.ok(server.output().includes(name), `${name} in ${server.output()}`)
  for (const name of ['DEPLOY_OPERATORS: is no JSON object', 'DEPLOY_WEBHOOK_SECRETS: is one secret'])
    assert.ok(server.output().includes(name), `${name} in ${server.output()}`)
})
