import assert from 'node:assert/strict'
import { closeSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { identifyProcess } from '../../src/bin/local/os-process.ts'
import { createRuns } from '../../src/deploy/runs.ts'
import { loadDeploySettings } from '../../src/platform/deploy-config.ts'
import { takeLock } from '../../src/platform/file-lock.ts'
import { TOKEN, deployParts, deployScene, deployed, playbooks } from '../support/deploy-server.ts'
import { REPOSITORY } from '../support/github.ts'

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

test('a run that its server could not begin any more is begun by the next one', async (t) => {
  const scene = await deployScene(t)
  const first = scene.github.commit('First', playbooks())
  scene.github.check(first, 'success')
  const order = { playbook: 'deploy', release: first, previous: '' } as const
  const ended = createRuns(join(scene.folder, 'server'), (_, lock) => {
    closeSync(lock)
  })
  assert.ok(ended.start({ id: 1, state: 'running' }, order))
  const { deployer, until, runs } = deployParts(t, scene)
  assert.equal(runs.state({ id: 1, state: 'running' }), 'none')
  deployer.wake()
  await until(1, 'success')
})

test('a run that cannot be begun is given up, and locks the environment where hosts may differ', async (t) => {
  const scene = await deployScene(t)
  const { github, folder } = scene
  const node = process.execPath
  t.after(() => {
    process.execPath = node
  })
  const { until, deployer, store } = deployParts(t, scene, { areProcesses: true })
  const deploys = async (id: number, program: string) => {
    process.execPath = program
    github.check(github.commit(`Number ${id}`, playbooks()), 'success')
    deployer.wake()
    return (await until(id, 'failed')).reason
  }
  assert.match(
    await deploys(1, join(folder, 'gone')),
    /^No host was switched: The run cannot be begun: spawn .*gone ENOENT$/,
  )
  assert.equal(
    await deploys(2, '/bin/false'),
    'No host was switched: The run cannot be begun: it ends at once.',
  )

  process.execPath = node
  const [wait, gate] = [join(folder, 'at-work'), join(folder, 'gate')]
  const fails = playbooks({ deploy: `touch ${wait}; while [ ! -e ${gate} ]; do sleep 0.05; done; exit 1` })
  for (const [id, books] of [
    [3, playbooks()],
    [4, fails],
  ] as const) {
    github.check(github.commit(`Number ${id}`, books), 'success')
    deployer.wake()
    await until(id, id === 3 ? 'success' : 'running')
  }
  while (!existsSync(wait)) await Promise.all([deployer.round(), sleep(20)])
  process.execPath = '/bin/false'
  writeFileSync(gate, '')
  assert.match((await until(4, 'broken')).reason, /^The rollback failed.* The run cannot be begun/)
  assert.ok(store.get('lock'))
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
