import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awaitingCheck, deployParts, deployScene, playbooks } from '../support/deploy-server.ts'

test('a deploy waits for its checks, and fails with the name of the one that failed', async (t) => {
  const { github, sha, until, deployer, store } = await awaitingCheck(t)
  await deployer.round()
  assert.equal(store.find(1)?.state, 'checks')

  github.check(sha, 'failure')

  const { reason, githubId } = await until(1, 'failed')
  assert.equal(reason, `The check “ci” of ${sha.slice(0, 7)} ended with failure.`)
  assert.equal(github.statesOf(Number(githubId)).at(-1), 'failure')
  assert.equal(github.statuses.at(-1)?.description, reason)
})

test('checks that are not green in time, and a GitHub that cannot be asked, end a deploy', async (t) => {
  const scene = await deployScene(t, { DEPLOY_CHECKS_SECONDS: '0.3' })
  const { github } = scene
  github.hasAccount = false
  github.commit('One', playbooks())
  const { until, deployer, store } = deployParts(t, scene)
  assert.equal((await until(1, 'failed')).reason, 'The required checks were not green in 1 minutes.')

  assert.equal(store.find(1)?.who, 'Octo Cat')

  github.hasName = false
  github.commit('Two', playbooks())
  github.failing.push({ line: /compare/, status: 502 })
  deployer.wake()

  assert.equal((await until(2, 'failed')).reason, 'GitHub could not be asked in 1 minutes.')
  assert.equal(store.find(2)?.who, 'somebody')

  github.failing.length = 0
  github.failing.push({ line: /check-runs/, status: 403 })
  github.commit('Three', playbooks())
  deployer.wake()

  assert.equal((await until(3, 'failed')).reason, 'GitHub could not be asked in 1 minutes.')
  assert.ok(store.events(3).some(({ state }) => state === 'checks'))
})

test('that GitHub cannot be looked at is kept for the page, until it can', async (t) => {
  const scene = await deployScene(t)
  const { github } = scene
  github.commit('One', playbooks())
  github.failing.push({ line: /branches/, status: 401 })
  const { until, deployer, store } = deployParts(t, scene)
  while (!store.get('trouble')) await deployer.round()
  assert.deepEqual(store.list(1), [])

  github.failing.length = 0
  await until(1, 'checks')
  await deployer.settled()
  assert.equal(store.get('trouble'), '')
})

test('checks of the pull request count when it had the same files, as a check run or a classic status', async (t) => {
  const scene = await deployScene(t)
  const { github } = scene
  github.commit('Base', playbooks())
  github.git('checkout', '--quiet', '-b', 'bears')
  const other = github.commit('Other files', { 'other.txt': 'other' })
  const head = github.commit('Bears', { 'bears.txt': 'bears' })
  github.git('checkout', '--quiet', 'master')
  github.git('merge', '--quiet', '--no-ff', '-m', 'Merge pull request #7', 'bears')
  const merge = github.git('rev-parse', 'HEAD')
  const same = github.git('commit-tree', `${merge}^{tree}`, '-m', 'The same files')
  github.pulls.set(merge, [
    ...[{ head: merge }, { head: other }, { head }],
    ...[
      { head: same, isOpen: true },
      { head: same, base: 'other' },
    ],
  ])
  github.check(other, 'success')
  github.check(same, 'success')
  const { until, deployer, store } = deployParts(t, scene)
  await until(1, 'checks')
  await deployer.round()
  assert.equal(
    store.find(1)?.state,
    'checks',
    'a green check on other files, or of what was not merged, does not count',
  )

  github.contexts.set(head, [
    { context: 'ci', state: 'success' },
    { context: 'slow', state: 'pending' },
  ])

  assert.equal((await until(1, 'success')).sha, merge)
})

test('a check that failed on the merge itself is not outdone by its pull request, nor by an older run', async (t) => {
  const scene = await deployScene(t, { DEPLOY_CHECKS: 'ci,lint' })
  const { github } = scene
  const head = github.commit('Bears', playbooks())
  const merge = github.commit('Merge', {})
  github.pulls.set(merge, [{ head }])
  for (const name of ['ci', 'lint']) github.check(head, 'success', name)
  github.check(merge, 'success')
  github.check(merge, 'failure')
  const { until, deployer } = deployParts(t, scene)

  const why = `The check “ci” of ${merge.slice(0, 7)} ended with failure.`
  assert.equal((await until(1, 'failed')).reason, why)

  const again = github.commit('Again', {})
  github.check(again, 'failure')
  github.check(again, 'neutral')
  for (let count = 0; count < 150; count += 1) github.check(again, 'success', `part ${count}`)
  const contexts = Array.from({ length: 150 }, (_, count) => ({ context: `c${count}`, state: 'success' }))
  github.contexts.set(again, [...contexts, { context: 'lint', state: 'success' }])
  deployer.wake()
  assert.equal((await until(2, 'success')).sha, again)

  const both = github.commit('Both', {})
  for (const name of ['ci', 'lint']) github.check(both, 'skipped', name)
  github.contexts.set(both, [{ context: 'lint', state: 'error' }])
  deployer.wake()
  assert.match((await until(3, 'failed')).reason, /^The check “lint” of \w{7} ended with error\.$/)
})

test('what waited while the server was away is asked about before it is given up', async (t) => {
  const scene = await deployScene(t, { DEPLOY_CHECKS_SECONDS: '1' })
  const { github } = scene
  const sha = github.commit('One', playbooks())
  github.check(sha, null)
  await deployParts(t, scene).until(1, 'checks')
  await sleep(1_100)
  github.check(sha, 'success')

  await deployParts(t, scene).until(1, 'success')
})
