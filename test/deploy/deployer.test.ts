import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  TOKEN,
  awaitingCheck,
  deployParts,
  deployScene,
  deployed,
  isUntold,
  playbooks,
} from '../support/deploy-server.ts'

test('a merge with a green check is deployed, and everybody is told in order', async (t) => {
  const scene = await deployScene(t)
  const { github, chat } = scene
  const sha = github.commit('Teach the bears\n\nMore words.', playbooks())
  github.check(sha, 'success')
  const { until, store, runs, deployer } = deployParts(t, scene)

  const deploy = await until(1, 'success')
  // They are told beside what goes on.
  while (isUntold(store)) await deployer.round()

  assert.deepEqual(
    { sha: deploy.sha, who: deploy.who, title: deploy.title, cause: deploy.cause },
    { sha, who: 'octocat', title: 'Teach the bears', cause: 'merge' },
  )
  assert.deepEqual(
    store.events(1).map(({ state }) => state),
    ['received', 'checks', 'queued', 'running', 'running', 'running', 'verifying', 'verifying', 'success'],
  )
  assert.deepEqual(github.statesOf(Number(deploy.githubId)), [
    ...[
      'pending',
      'pending',
      'queued',
      'in_progress',
      'in_progress',
      'in_progress',
      'in_progress',
      'in_progress',
    ],
    'success',
  ])
  const { log_url: log, environment_url: site } = github.statuses.at(-1) ?? {}
  assert.deepEqual([log, site], ['http://localhost:3900/deploys/1', 'http://127.0.0.1:1'])
  assert.match(
    chat.messages.at(-1)?.text ?? '',
    /^production · deploy 1 · \w{7} · .* is what the site runs\. </,
  )
  assert.deepEqual(
    chat.messages.map(({ thread_ts: thread }) => thread),
    [undefined, ...chat.messages.slice(1).map(() => 'thread-1')],
  )
  const output = readFileSync(join(runs.folderOf({ id: 1, state: 'running' }), 'output.log'), 'utf8')
  assert.match(
    output,
    /PLAY \[Hosts\] \*+\n\{"release":"[0-9a-f]{40}","previous":"","environment":"production"\}\nDone/,
  )
  assert.ok(
    !existsSync(join(runs.folderOf({ id: 1, state: 'running' }), 'checkout')),
    'the checkout is removed',
  )
  assert.ok(github.requests.every(({ authorization }) => authorization === `token ${TOKEN}`))
})

test('a newer merge takes the place of one that waits, and not of one that runs', async (t) => {
  const scene = await deployScene(t)
  const { github, folder } = scene
  const gate = join(folder, 'gate')
  const first = github.commit('One', playbooks({ deploy: `while [ ! -e ${gate} ]; do sleep 0.05; done` }))
  github.check(first, 'success')
  const { until, deployer, store } = deployParts(t, scene)
  await until(1, 'running')
  const second = github.commit('Two', playbooks())
  github.check(second, 'success')
  deployer.wake()
  assert.match((await until(2, 'queued')).reason, /Waiting for deploy 1\./)

  const third = github.commit('Three', playbooks())
  github.check(third, 'success')
  deployer.wake()
  const superseded = await until(2, 'superseded')
  assert.equal(superseded.reason, `Superseded by deploy 3 (${third.slice(0, 7)}).`)
  await until(3, 'queued')
  assert.equal(store.find(1)?.state, 'running')
  writeFileSync(gate, '')

  await until(3, 'success')
  assert.equal(store.find(1)?.state, 'success')
  assert.equal(github.statesOf(Number(superseded.githubId)).at(-1), 'inactive')
})

test('a deploy that a newer one has superseded while GitHub was asked about it stays superseded', async (t) => {
  const { github, sha, until, deployer, store } = await awaitingCheck(t)
  github.check(sha, 'success')
  const asked = github.hold(new RegExp(`${sha}/check-runs`))
  const round = deployer.round()
  await asked.come

  const newer = github.commit('Two', {})
  github.check(newer, 'success')
  deployer.wake()
  await until(1, 'superseded')
  asked.letGo()
  await round

  await until(2, 'success')
  assert.deepEqual(
    store.events(1).map(({ state }) => state),
    ['received', 'checks', 'superseded'],
  )
})

test('somebody asks at GitHub for a deploy or for going back', async (t) => {
  const { github, until, deployer, shas, store } = await deployed(t, playbooks(), playbooks())
  const [first = '', second = ''] = shas
  const back = github.deploy(first, { task: 'rollback' })
  deployer.wake()
  const rolledBack = await until(3, 'success')
  assert.deepEqual(
    { kind: rolledBack.kind, who: rolledBack.who, cause: rolledBack.cause, githubId: rolledBack.githubId },
    { kind: 'rollback', who: 'Codertocat', cause: 'deployment', githubId: back.id },
  )
  assert.equal(store.lastSuccess()?.sha, first)

  github.deploy(second)
  github.git('checkout', '--quiet', '-b', 'elsewhere')
  const elsewhere = github.commit('Not merged', {})
  github.git('checkout', '--quiet', 'master')
  deployer.wake()
  assert.equal((await until(4, 'success')).sha, second)
  github.deploy(elsewhere)
  github.deploy('0'.repeat(40))
  github.deploy(elsewhere, { task: 'rollback' })
  deployer.wake()

  assert.match((await until(7, 'failed')).reason, /^The hosts do not have this release/)
  for (const id of [5, 6]) assert.match((await until(id, 'failed')).reason, /is not part of master\.$/)
  const alone = github.deploy(elsewhere)
  deployer.wake()
  assert.equal((await until(8, 'failed')).reason, `${elsewhere.slice(0, 7)} is not part of master.`)
  assert.deepEqual(github.statesOf(alone.id), ['pending', 'failure'])
  github.deploy('1'.repeat(40), { creator: null, description: null })
  deployer.wake()
  assert.equal((await until(9, 'failed')).reason, '1111111 is not part of master.')
  assert.equal(store.find(9)?.who, 'somebody')
})

test('what may not be deployed, or not be switched back to, takes nobody’s place', async (t) => {
  const { github, until, deployer, store, shas } = await deployed(t, playbooks())
  const merge = github.commit('Two', playbooks())
  github.check(merge, null)
  deployer.wake()
  await until(2, 'checks')
  github.deploy('0'.repeat(40))
  deployer.wake()
  await until(3, 'failed')
  const back = store.add({ kind: 'rollback', sha: merge, who: 'olga', title: 'Back', cause: 'page' })
  await until(back, 'failed')
  assert.equal(store.find(2)?.state, 'checks')

  github.check(merge, 'success')
  deployer.wake()
  await until(2, 'success')
  assert.notEqual(shas[0], store.lastSuccess()?.sha)
})

test('deployments from before there was a deploy server are left alone, one of ours is found again', async (t) => {
  const scene = await deployScene(t)
  const { github } = scene
  const sha = github.commit('One', playbooks())
  github.check(sha, null)
  github.deploy(sha)
  const { until, store, deployer } = deployParts(t, scene)
  await until(1, 'checks')
  assert.equal(store.list(10).length, 1)
  const ours = store.find(1)?.githubId

  // As when the server was killed between GitHub’s reply and its own note of it.
  const id = store.add({ kind: 'deploy', sha, who: 'olga', title: 'Again', cause: 'page' })
  const made = github.deploy(sha, { payload: { deploy: id } })
  github.deploy(sha, { payload: { deploy: 'none' } })
  github.deploy(sha, { payload: { deploy: 1 }, id: Number(ours) + 100 })
  github.deploy(sha, { environment: 'staging', creator: { login: 'a stranger' } })
  deployer.wake()
  await until(id, 'checks', 'superseded')

  assert.equal(store.find(id)?.githubId, made.id)
  assert.ok(store.list(10).every(({ who }) => who !== 'a stranger'))
})
