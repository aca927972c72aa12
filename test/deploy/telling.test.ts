import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  TOKEN,
  VAULT_PASSWORD,
  deployParts,
  deployScene,
  isUntold,
  playbooks,
} from '../support/deploy-server.ts'

test('a chat that fails, and a GitHub that is away for a while, keep no deploy from going on', async (t) => {
  const scene = await deployScene(t)
  const { github, chat } = scene
  const sha = github.commit('One', playbooks())
  github.check(sha, 'success')
  github.failing.push({ line: /statuses/, status: 500 })
  chat.answer = (count) => (count % 3 === 0 ? [200, '{"ok":false,"error":"channel_not_found"}'] : [500, 'no'])
  const { until, store, deployer } = deployParts(t, scene)
  const { githubId } = await until(1, 'success')
  assert.deepEqual(github.statesOf(Number(githubId)), [])

  github.failing.length = 0
  chat.answer = () => [200, 'ok']
  while (isUntold(store)) {
    await deployer.round()
    await sleep(10)
  }

  assert.equal(github.statesOf(Number(githubId)).at(-1), 'success')
  assert.ok(chat.messages.at(-1)?.text.includes('is what the site runs'))
  assert.equal(chat.messages.at(-1)?.thread_ts, undefined, 'a chat that names no message has no threads')
})

test('GitHub is not asked for checks, nor is what was not taken said anew, each round', async (t) => {
  const scene = await deployScene(t, { DEPLOY_AGAIN_SECONDS: '600' })
  const { github, chat } = scene
  const sha = github.commit('One', playbooks())
  github.check(sha, null)
  github.failing.push({ line: /statuses/, status: 503 })
  chat.answer = () => [503, 'no']
  const { until, deployer, store } = deployParts(t, scene)
  await until(1, 'checks')
  for (let round = 0; round < 30; round += 1) await deployer.round()
  await deployer.settled()
  const asked = (line: RegExp) => github.requests.filter((request) => line.test(request.line)).length
  assert.deepEqual([asked(/check-runs/), asked(/statuses/), chat.messages.length], [1, 1, 1])

  github.check(sha, 'success')
  deployer.wake()
  await until(1, 'success')
  assert.deepEqual([asked(/check-runs/), asked(/statuses/), chat.messages.length], [2, 1, 1])
  const events = store.events(1).length
  assert.deepEqual(
    [[...store.untold('github', 1)].length, [...store.untold('chat', 1)].length],
    [events, events],
  )
})

test('without a chat nobody is told there; what GitHub never takes is left out', async (t) => {
  const scene = await deployScene(t, { DEPLOY_CHAT_URL: '' })
  const { github, chat } = scene
  const sha = github.commit('One', playbooks())
  github.check(sha, 'success')
  github.failing.push({ line: /statuses/, status: 422 })
  const { until, store, deployer } = deployParts(t, scene)
  await until(1, 'success')

  for (let round = 0; round < 50; round += 1) await Promise.all([deployer.round(), sleep(10)])
  assert.deepEqual(store.deploysUntold('github'), [1], 'it is tried for days')
  const db = new DatabaseSync(join(scene.folder, 'deploys.db'), { timeout: 5_000 })
  db.exec('update event set at = at - 3 * 86400000')
  db.close()
  while (isUntold(store)) await Promise.all([deployer.round(), sleep(10)])
  assert.deepEqual(chat.messages, [])
})

test('a token and a channel of Slack are used, and a title calls nobody', async (t) => {
  const scene = await deployScene(t, { DEPLOY_CHAT_TOKEN: 'xoxb-0123456789', DEPLOY_CHAT_CHANNEL: 'C123' })
  const { github, chat } = scene
  const sha = github.commit('Call <!channel> & all', playbooks())
  github.check(sha, null)
  const { until } = deployParts(t, scene)
  await until(1, 'checks')

  assert.equal(chat.messages[0]?.channel, 'C123')
  assert.match(chat.messages[0].text, /Call &lt;!channel&gt; &amp; all/)
})

test('secrets are in no log, no status and no message', async (t) => {
  const scene = await deployScene(t)
  const { github, chat, folder } = scene
  writeFileSync(scene.vault, `${VAULT_PASSWORD}\n\n`)
  scene.env['DEPLOY_SECRET_FILES'] = scene.vault
  const strange = 'ghs_abcdefghijklmnopqrstuvwxyz0123456789'
  const encoded = Buffer.from(VAULT_PASSWORD).toString('base64')
  const leak = `env; echo "fatal: ${TOKEN} ${VAULT_PASSWORD} ${encoded} ${strange} redis://:s3same@h" >&2; exit 1`
  const sha = github.commit(`Say ${TOKEN}`, playbooks({ deploy: leak }))
  github.check(sha, 'success')
  const { until, runs, store } = deployParts(t, scene)
  await until(1, 'failed')

  const output = readFileSync(join(runs.folderOf({ id: 1, state: 'running' }), 'output.log'), 'utf8')
  const said = [
    output,
    JSON.stringify([store.list(9), store.events(1), github.statuses, chat.messages, github.deployments]),
  ]
  assert.match(output, /fatal: \[secret\] \[secret\] \[secret\] \[secret\]/)
  assert.match(output, /PATH=/)
  for (const secret of [
    TOKEN,
    VAULT_PASSWORD,
    encoded,
    strange,
    's3same',
    'chat-secret',
    'webhooks',
    '$argon2',
  ])
    assert.ok(!said.join().includes(secret), `${secret} is told`)
  assert.ok(!readFileSync(join(folder, 'deploys.db')).includes(TOKEN))
})
