import assert from 'node:assert/strict'
import { closeSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync } from 'node:sqlite'
import { identifyProcess } from '../../src/bin/local/os-process.ts'
import { createRuns } from '../../src/deploy/runs.ts'
import { loadDeploySettings } from '../../src/platform/deploy-config.ts'
import type { DeployStore } from '../../src/platform/deploy-store.ts'
import { takeLock } from '../../src/platform/file-lock.ts'
import { TOKEN, VAULT_PASSWORD, deployParts, deployScene, playbooks } from '../support/deploy-server.ts'
import { REPOSITORY } from '../support/github.ts'

function isUntold(store: DeployStore): boolean {
  return (['github', 'chat'] as const).some((receiver) => store.deploysUntold(receiver).length > 0)
}

/** A scene in which releases that were committed and are green have been deployed. */
async function deployed(t: TestContext, ...releases: Record<string, string>[]) {
  const scene = await deployScene(t)
  const parts = deployParts(t, scene)
  const shas: string[] = []
  for (const files of releases) {
    const sha = scene.github.commit(`Release ${shas.length + 1}`, files)
    scene.github.check(sha, 'success')
    shas.push(sha)
    parts.deployer.wake()
    await parts.until(shas.length, 'success', 'failed', 'rolled_back', 'broken')
  }
  return { ...scene, ...parts, shas }
}

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

test('a deploy waits for its checks, and fails with the name of the one that failed', async (t) => {
  const scene = await deployScene(t)
  const { github } = scene
  const sha = github.commit('One', playbooks())
  github.check(sha, null)
  const { until, deployer, store } = deployParts(t, scene)
  await until(1, 'checks')
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
  const scene = await deployScene(t)
  const { github } = scene
  const sha = github.commit('One', playbooks())
  github.check(sha, null)
  const { until, deployer, store } = deployParts(t, scene)
  await until(1, 'checks')
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

test('a release that fails is taken back, and why is said everywhere', async (t) => {
  const said = String.raw`'PLAY [Hosts] ***' 'fatal: [app2]: FAILED! => {"changed": false, "msg": "The \"version\"\nis not the one expected"}'`
  const fault = `printf '%s\\n' ${said} more 'fatal: [app1]: FAILED!'; exit 2`
  const { github, chat, store, shas, runs } = await deployed(t, playbooks(), playbooks({ verify: fault }))

  const deploy = store.find(2)
  assert.equal(deploy?.state, 'rolled_back')
  const [good = '', bad = ''] = shas
  const reason = 'Hosts: app2: The "version" is not the one expected'
  const why = `Going back to ${good.slice(0, 7)}: ${reason}`
  assert.equal(deploy.reason, `Taken back: ${reason}`)
  assert.ok(store.events(2).some(({ state, text }) => state === 'rolling_back' && text === why))
  assert.ok(github.statuses.some(({ description }) => description === why))
  assert.ok(chat.messages.some(({ text }) => text.includes(why)))
  assert.equal(github.statesOf(Number(deploy.githubId)).at(-1), 'failure')
  assert.throws(() => store.saidOf(1, 'rolling_back'), /never/)
  const order: unknown = JSON.parse(
    readFileSync(join(runs.folderOf({ id: 2, state: 'rolling_back' }), 'order.json'), 'utf8'),
  )
  assert.deepEqual(order, { playbook: 'rollback', release: good, previous: bad })
  const back = store.events(2).map(({ state }) => state)
  assert.deepEqual([...new Set(back.slice(-4))], ['rolling_back', 'verifying_back', 'rolled_back'])
})

test('after going back the site is looked at, and one that does not do well locks the environment', async (t) => {
  const look = 'echo "$2"; [ ! -e ../../../gate ] || { echo "fatal: answered with 502"; exit 1; }'
  const spoil = playbooks({ deploy: 'touch ../../../gate; exit 1' })
  const { store, github, chat, runs, shas } = await deployed(t, playbooks({ verify: look }), spoil)

  assert.equal(store.find(2)?.state, 'broken')
  const why = 'The rollback failed, so the environment is locked: fatal: answered with 502'
  assert.equal(store.get('lock'), `Deploy 2: ${why}`)
  assert.equal(store.find(2)?.reason, why)
  assert.deepEqual(github.statuses.at(-1)?.description, why)
  assert.ok(chat.messages.at(-1)?.text.includes(why))
  const log = readFileSync(join(runs.folderOf({ id: 2, state: 'verifying_back' }), 'output.log'), 'utf8')
  assert.ok(log.startsWith(`{"release":"${shas[0]}"`), 'it is the release before that is looked for')
})

test('a run that ends before it changes what hosts run is not taken back, and locks nothing', async (t) => {
  const fail = (play: string) => `echo "PLAY [${play}] ***"; echo "fatal: app2 is away"; exit 4`
  const unfit = playbooks({ rollback: fail('Prepare: see that it fits') })
  const preparing = playbooks({ deploy: fail('Prepare: change the schema') })
  const scene = await deployed(t, unfit, preparing, playbooks({ deploy: fail('Preparations are over') }))
  const { store, until, shas } = scene

  assert.equal(store.find(2)?.state, 'failed')
  const why = 'No host was switched: Prepare: change the schema: fatal: app2 is away'
  assert.equal(store.find(2)?.reason, why)
  // The third one's way back fails where nothing was changed yet: its own deploy had changed something.
  assert.equal(store.find(3)?.state, 'broken')
  store.unlock()
  const asked = { sha: shas[0] ?? '', who: 'olga', title: 'Back', cause: 'page' } as const
  const back = await until(store.add({ kind: 'rollback', ...asked }), 'failed')
  assert.equal(back.reason, 'No host was switched: Prepare: see that it fits: fatal: app2 is away')
  assert.equal(store.get('lock'), undefined)
})

test('what the site runs before a server’s first deploy is what that one is taken back to', async (t) => {
  let said = ''
  const site = createServer((_, response) => response.end(said))
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  t.after(() => site.close())
  const address = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  const other = 'a'.repeat(40)
  for (const [runs, expected] of [
    ['', 'failed'],
    [other, 'failed'],
    ['first', 'rolled_back'],
  ] as const) {
    const scene = await deployScene(t, { DEPLOY_SITE_URL: `${address}/` })
    const { github } = scene
    const first = github.commit('First', playbooks())
    const second = github.commit('Second', playbooks({ deploy: 'exit 1' }))
    github.check(second, 'success')
    said = runs === '' ? 'no' : JSON.stringify({ status: 'alive', release: runs === 'first' ? first : runs })
    const { until, store } = deployParts(t, scene)
    while (!store.hasSha(second))
      await until(1, 'received', 'checks', 'queued', 'running', 'failed', 'success')
    const id = store.list(1)[0]?.id ?? 0
    await until(id, expected)
    assert.equal(store.lastSuccess()?.sha, expected === 'failed' ? undefined : first)
  }
})

test('what is taken back is what the site ran last, also when it is the same release that is deployed again', async (t) => {
  const gate = 'if [ -e ../../../gate ]; then exit 5; fi'
  const { store, until, folder, runs, shas } = await deployed(t, playbooks({ deploy: gate }), playbooks())
  const [first = ''] = shas
  const asked = { sha: first, who: 'olga', title: 'One', cause: 'page' } as const
  await until(store.add({ kind: 'rollback', ...asked }), 'success')
  writeFileSync(join(folder, 'server', 'gate'), '')

  const again = store.add({ kind: 'deploy', ...asked })

  await until(again, 'rolled_back')
  const order: unknown = JSON.parse(
    readFileSync(join(runs.folderOf({ id: again, state: 'rolling_back' }), 'order.json'), 'utf8'),
  )
  assert.deepEqual(order, { playbook: 'rollback', release: first, previous: first })
  assert.equal(store.lastSuccess()?.sha, first)
})

test('a rollback that fails locks the environment until somebody has looked', async (t) => {
  const broken = playbooks({ rollback: 'echo no way back; exit 1' })
  const { github, chat, store, until, deployer, shas } = await deployed(
    ...([t, broken, playbooks({ deploy: 'exit 3' })] as const),
  )
  assert.equal(store.find(2)?.state, 'broken')
  const why = 'The rollback failed, so the environment is locked: no way back'
  assert.equal(store.get('lock'), `Deploy 2: ${why}`)
  assert.equal(github.statuses.at(-1)?.state, 'error')
  assert.ok(chat.messages.at(-1)?.text.includes(why))

  const mended = github.commit('Mend', playbooks())
  github.check(mended, 'success')
  deployer.wake()
  assert.match(
    (await until(3, 'queued')).reason,
    /Waiting: the environment is locked\. Deploy 2: The rollback failed/,
  )
  await deployer.round()
  assert.equal(store.find(3)?.state, 'queued')

  store.unlock()
  await until(3, 'success')
  const rollback = store.add({
    kind: 'rollback',
    sha: shas[0] ?? '',
    who: 'olga',
    title: 'Back',
    cause: 'page',
  })
  assert.match(
    (await until(rollback, 'broken')).reason,
    /^The rollback failed, so the environment is locked: no way/,
  )
})

test('the first release of all cannot be taken back, and one that cannot be fetched touches no host', async (t) => {
  const { store, github, until, deployer, env } = await deployed(t, playbooks({ deploy: 'exit 4' }))
  assert.equal(store.find(1)?.reason, 'There is no earlier release to go back to: /bin/sh ended with 4.')

  const sha = github.commit('Two', playbooks())
  github.check(sha, 'success')
  env['DEPLOY_GIT_URL'] = 'file:///nowhere'
  deployer.wake()

  const { reason, state } = await until(2, 'failed', 'success')
  assert.equal(state, 'failed')
  assert.match(reason, /^No host was switched: fatal: /)
})

test('git gets the token for GitHub’s own host, and for no other', async (t) => {
  const scene = await deployScene(t)
  const { github } = scene
  const at = (host: string) => `${github.url.replace('127.0.0.1', host)}/${REPOSITORY.name}.git`
  for (const [url, expected] of [
    [at('127.0.0.1'), `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`],
    [at('localhost'), ''],
  ] as const) {
    const sha = github.commit('A release', playbooks())
    github.check(sha, 'success')
    scene.env['DEPLOY_GIT_URL'] = url
    const { until, deployer, store } = deployParts(t, scene)
    deployer.wake()
    const id = (store.list(1)[0]?.id ?? 0) + 1
    assert.match((await until(id, 'failed')).reason, /^No host was switched: fatal: /)
    const asked = github.requests.filter(({ line }) => line.includes('.git/')).at(-1)
    assert.equal(asked?.authorization, expected)
  }
  const usual = { ...scene.env, DEPLOY_GITHUB_API: 'https://api.github.com' }
  Reflect.deleteProperty(usual, 'DEPLOY_GIT_URL')
  const git = (more: Record<string, string>) =>
    loadDeploySettings({ ...usual, ...more }).git.environment['GIT_CONFIG_COUNT']
  assert.ok(git({}))
  assert.equal(git({ DEPLOY_GIT_URL: 'http://github.com/a/b.git' }), undefined, 'not in the clear')
  assert.equal(git({ DEPLOY_GITHUB_API: 'https://github.example.org/api/v3' }), undefined)
})

test('a run that takes too long is ended with all that it started, and taken back', async (t) => {
  const scene = await deployScene(t, { DEPLOY_RUN_SECONDS: '2' })
  const pid = join(scene.folder, 'pid')
  const sha = scene.github.commit('Slow', playbooks({ deploy: `sleep 60 & echo $! > ${pid}; wait` }))
  scene.github.check(sha, 'success')
  const { until } = deployParts(t, scene)

  const { reason } = await until(1, 'failed')

  assert.equal(reason, 'There is no earlier release to go back to: It took longer than 2 s and was ended.')
  assert.equal(identifyProcess(Number(readFileSync(pid, 'utf8'))), undefined)
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

test('once a deploy has begun its work, nothing of it needs GitHub’s git any more', async (t) => {
  const wait = 'touch ../../../at-work; while [ ! -e ../../../gate ]; do sleep 0.05; done'
  const scene = await deployed(t, playbooks())
  const { github, until, deployer, store, env, folder, shas } = scene
  const work = join(folder, 'server')
  /** Merges this; GitHub's git goes while the deploy is at work. */
  const deployWithoutGit = async (id: number, title: string, deploy: string) => {
    env['DEPLOY_GIT_URL'] = `file://${github.folder}`
    github.check(github.commit(title, playbooks({ deploy })), 'success')
    deployer.wake()
    await until(id, 'running')
    while (!existsSync(join(work, 'at-work'))) await Promise.all([deployer.round(), sleep(20)])
    env['DEPLOY_GIT_URL'] = 'file:///nowhere'
    writeFileSync(join(work, 'gate'), '')
  }
  await deployWithoutGit(2, 'Good', wait)
  await until(2, 'success')

  const [first = ''] = shas
  await until(
    store.add({ kind: 'rollback', sha: first, who: 'olga', title: 'Back', cause: 'page' }),
    'success',
  )

  rmSync(join(work, 'gate'))
  rmSync(join(work, 'at-work'))
  await deployWithoutGit(4, 'Bad', `${wait}; exit 1`)
  await until(4, 'rolled_back')
})

test('a release that cannot even be looked at is taken back, for the hosts run it', async (t) => {
  const clear = 'rm -rf ../../../repository.git; touch ../../../repository.git'
  const { until, github, deployer, runs } = await deployed(t, playbooks())
  const sha = github.commit('No clone', playbooks({ deploy: clear }))
  github.check(sha, 'success')
  deployer.wake()

  assert.match((await until(2, 'broken')).reason, /^The rollback failed/)
  const result: unknown = JSON.parse(
    readFileSync(join(runs.folderOf({ id: 2, state: 'verifying' }), 'result.json'), 'utf8'),
  )
  assert.deepEqual({ ...(result as object), reason: '' }, { ok: false, began: false, reason: '' })
})

test('going back works while GitHub is down', async (t) => {
  const { github, until, shas, store, env, deployer } = await deployed(t, playbooks(), playbooks())
  github.failing.push({ line: /./, status: 503 })
  env['DEPLOY_GIT_URL'] = 'file:///nowhere'

  const id = store.add({ kind: 'rollback', sha: shas[0] ?? '', who: 'olga', title: 'Back', cause: 'page' })

  assert.equal((await until(id, 'success')).githubId, null)
  for (let round = 0; round < 30; round += 1) await Promise.all([deployer.round(), sleep(10)])

  github.failing.length = 0
  while (isUntold(store)) await Promise.all([deployer.round(), sleep(10)])
  assert.equal(github.statesOf(Number(store.find(id)?.githubId)).at(-1), 'success')
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

test('nobody goes back to a release that hosts have removed, and nothing is locked for it', async (t) => {
  const { until, shas, store } = await deployed(t, playbooks(), playbooks({ deploy: 'exit 1' }))
  for (const letter of ['b', 'c', 'd', 'e']) store.move(newest(letter), 'success', 'It runs.')
  function newest(letter: string) {
    const id = store.add({ kind: 'deploy', sha: letter.repeat(40), who: 'olga', title: '', cause: 'page' })
    store.move({ id, state: 'received' }, 'running', 'Deploying.')
    return { id, state: 'running' as const }
  }
  // The second was taken back, which is why the first one counts as newer.
  assert.deepEqual(store.releases(), [shas[0], ...['b', 'c', 'd', 'e'].map((letter) => letter.repeat(40))])
  store.move(newest('f'), 'success', 'It runs.')

  const id = store.add({ kind: 'rollback', sha: shas[0] ?? '', who: 'olga', title: 'Back', cause: 'page' })

  assert.match((await until(id, 'failed')).reason, /or no longer/)
  assert.equal(store.get('lock'), undefined)
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

test('going back takes no longer while GitHub takes connections and never answers', async (t) => {
  const { github, until, shas, store, deployer } = await deployed(t, playbooks(), playbooks())
  const known = github.requests.length
  github.hold(/./)
  deployer.wake()

  const id = store.add({ kind: 'rollback', sha: shas[0] ?? '', who: 'olga', title: 'Back', cause: 'page' })
  const waiting = store.add({ kind: 'deploy', sha: shas[1] ?? '', who: 'olga', title: 'Wait', cause: 'page' })

  await until(id, 'success')
  assert.equal(store.find(waiting)?.state, 'received')
  // Nothing was given up and asked again: it took less than one request may.
  const lines = github.requests.slice(known).map(({ line }) => line)
  const isMaking = (line: string) => line.startsWith('POST') && line.endsWith('/deployments')
  const others = lines.filter((line) => !isMaking(line))
  assert.deepEqual(others.sort(), [...new Set(others)].sort())
  assert.equal(lines.filter(isMaking).length, 2, 'one for each deploy')
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

test('a run that somebody else has under way is waited for', async (t) => {
  const scene = await deployScene(t)
  const { github } = scene
  const sha = github.commit('One', playbooks())
  github.check(sha, 'success')
  const { until, deployer, settings, store, runs } = deployParts(t, scene)
  const lock = takeLock(join(settings.folder, 'environment.lock'))
  assert.ok(lock !== undefined)
  await until(1, 'running')
  await deployer.round()
  assert.equal(runs.state({ id: 1, state: 'running' }), 'none')
  assert.equal(store.find(1)?.state, 'running')

  closeSync(lock)

  await until(1, 'success')
})

test('the logs of two hundred deploys stay', async (t) => {
  const { folder } = await deployScene(t)
  const runs = createRuns(folder, (_, lock) => {
    closeSync(lock)
  })
  const order = { playbook: 'deploy', release: 'a'.repeat(40), previous: '' } as const
  for (const id of [1, 2, 3, 201, 202]) assert.ok(runs.start({ id, state: 'running' }, order))
  runs.start({ id: 202, state: 'verifying' }, order)
  const left = readdirSync(join(folder, 'runs')).sort()
  assert.deepEqual(left, ['201-running', '202-running', '202-verifying', '3-running'])
})

test('a run that was killed before it could say how it went is taken back', async (t) => {
  const scene = await deployScene(t)
  const { github, folder } = scene
  const { until, deployer, store, runs } = deployParts(t, scene, { areProcesses: true })
  const good = github.commit('One', playbooks())
  github.check(good, 'success')
  await until(1, 'success')
  const pid = join(folder, 'pid')
  const sha = github.commit('Two', playbooks({ deploy: `echo $PPID $$ > ${pid}; sleep 60` }))
  github.check(sha, 'success')
  deployer.wake()
  await until(2, 'running')
  while (!existsSync(pid) || readFileSync(pid, 'utf8') === '') {
    await deployer.round()
    await sleep(20)
  }
  const [runner = 0, script = 0] = readFileSync(pid, 'utf8').split(' ').map(Number)
  process.kill(runner, 'SIGKILL')
  await deployer.round()
  assert.equal(store.find(2)?.state, 'running', 'its playbook still runs, and so holds the environment')
  assert.equal(runs.state({ id: 2, state: 'running' }), 'busy')

  process.kill(-script, 'SIGKILL')

  await until(2, 'rolled_back')
  const why = 'The run was ended from outside before it could finish.'
  assert.ok(store.events(2).some(({ text }) => text.includes(why)))
})
