import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { deployParts, deployScene, deployed, isUntold, playbooks } from '../support/deploy-server.ts'

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
  store.unlock({ who: 'olga' })
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

  store.unlock({ who: 'olga' })
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

test('a rollback that failed is tried again by an operator, and ends the lock when it goes well', async (t) => {
  const back = '[ -e ../../../gate ] || { echo app2 is away; exit 1; }'
  const one = playbooks({ rollback: back })
  const { github, chat, store, until, deployer, shas, settings } = await deployed(
    ...([t, one, playbooks({ deploy: 'exit 3' })] as const),
  )
  assert.equal(store.find(2)?.state, 'broken')
  const asked = { kind: 'rollback', sha: shas[0] ?? '', who: 'olga', title: 'Back' } as const
  const elsewhere = store.add({ ...asked, cause: 'deployment' })
  await until(elsewhere, 'queued')
  await deployer.round()
  assert.equal(store.find(elsewhere)?.state, 'queued')

  await until(store.add({ ...asked, cause: 'page' }), 'broken')
  assert.ok(store.get('lock'))
  writeFileSync(join(settings.folder, 'gate'), '')
  const again = store.add({ ...asked, cause: 'page' })
  await until(again, 'success')

  assert.equal(store.get('lock'), undefined)
  const said = `The environment is not locked any more: deploy ${again} came to its end.`
  while (isUntold(store)) await deployer.round()
  assert.ok(github.statuses.some(({ description }) => description === said))
  assert.ok(chat.messages.some(({ text }) => text.includes(said)))
  await until(elsewhere, 'success')
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
