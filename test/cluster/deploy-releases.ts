import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { OPEN_STATES, openDeployStore } from '../../src/platform/deploy-store.ts'
import type { Deploy } from '../../src/platform/deploy-store.ts'
import { deployScene, recorded, webhookHeaders } from '../support/deploy-server.ts'
import { freePort, startProgram } from '../support/started-site.ts'
import { startUse } from './use-steadily.ts'

/**
 * Runs a deploy server on the hosts' network, with an HTTP server that speaks GitHub's API, and merges releases that are
 * made of this checkout's last commit.
 *
 *   node test/cluster/deploy-releases.ts ADDRESS DOMAIN AUTHORITY-FILE SITE-FOLDER
 */
const [address = '', domain = '', authorityFile = '', site = ''] = process.argv.slice(2)
const DEPLOY_SECONDS_MAX = 180
const ROLLBACK_SECONDS_MAX = 60

/** Answers every page late or with an error, and says of itself that it is well. */
const spoiling = (what: string) => `
import { Server } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
const emit = Server.prototype.emit
Server.prototype.emit = function (name: string, ...rest: unknown[]): boolean {
  const [request, response] = rest as [IncomingMessage, ServerResponse]
  const go = () => Reflect.apply(emit, this, [name, ...rest]) as boolean
  if (name !== 'request' || /^\\/(healthz|readyz)/.test(request.url ?? '')) return go()
  ${what}
}
`
const WEB = 'src/bin/web.ts'
const web = readFileSync(WEB, 'utf8')
const spoiled = (what: string) => ({
  'src/bin/spoil.ts': spoiling(what),
  [WEB]: `import './spoil.ts'\n${web}`,
})

/** What is wrong with a release, by what stands in its reason. */
const BAD: [title: string, reason: RegExp, files: Record<string, string>][] = [
  ['One that does not start', /did not answer with it/, { [WEB]: `throw new Error('not today')\n${web}` }],
  ['One that answers 500', /answers 500/, spoiled("response.writeHead(500).end('no')\n  return true")],
  ['A failing migration', /9999-wrong\.sql failed/, { 'src/migrations/9999-wrong.sql': 'create table;\n' }],
  ['A slow one', /takes \d+ ms/, spoiled('setTimeout(go, 4_000)\n  return true')],
]

const ends: (() => unknown)[] = []
const measured: [what: string, value: string, limit: string, isGood: boolean][] = []

try {
  await prove()
} finally {
  for (const end of ends.reverse()) await end()
  for (const [what, value, limit, isGood] of measured)
    console.log(`${isGood ? ' ' : '!'} ${what.padEnd(48)} ${value.padStart(12)}   ${limit}`)
}
if (measured.some(([, , , isGood]) => !isGood)) process.exitCode = 1

async function prove(): Promise<void> {
  const port = await freePort()
  const scene = await deployScene(
    { after: (end: () => unknown) => void ends.push(end) },
    {
      DEPLOY_PORT: String(port),
      DEPLOY_COMMAND: JSON.stringify([
        ...['ansible-playbook', '-i', site, '--vault-password-file', join(site, '.vault-password')],
        ...['--extra-vars', `site_releases_folder=${process.cwd()}/.data/releases`],
      ]),
      ANSIBLE_CONFIG: 'ansible/ansible.cfg',
      ANSIBLE_SSH_ARGS: `-F ${join(site, 'ssh_config')}`,
      LOG_LEVEL: 'warn',
    },
  )
  const { github, chat, folder, env } = scene
  github.git('fetch', '--quiet', process.cwd(), process.env['PROVED_COMMIT'] ?? 'HEAD')
  github.git('reset', '--quiet', '--hard', 'FETCH_HEAD')
  const first = github.git('rev-parse', 'HEAD')
  github.check(first, 'success')
  const server = startProgram('src/bin/deploy-server.ts', [], { ...env, LOG_LEVEL: 'info' })
  ends.push(() => server.child.kill('SIGKILL'))
  await server.prints('deploy server is listening')
  const store = openDeployStore(join(folder, 'server/deploys.db'), (text) => text)
  ends.push(() => {
    store.close()
  })

  async function ended(id: number): Promise<Deploy> {
    for (;;) {
      const deploy = store.find(id)
      if (deploy && !OPEN_STATES.has(deploy.state)) {
        const all = () => [...store.untold('github'), ...store.untold('chat')]
        while (all().length > 0) await sleep(100)
        console.log(`deploy ${id}: ${deploy.state}: ${deploy.reason}`)
        for (const { at, state, text } of store.events(id))
          console.log(`  ${new Date(at).toISOString().slice(11, 19)} ${state}: ${text}`)
        return deploy
      }
      await sleep(100)
    }
  }
  async function wake(): Promise<void> {
    const body = JSON.stringify({ ...recorded('push'), ref: 'refs/heads/master' })
    const address = `http://127.0.0.1:${port}/webhooks/github`
    const { status } = await fetch(address, { method: 'POST', headers: webhookHeaders('push', body), body })
    assert.equal(status, 202)
  }
  async function merge(title: string, files: Record<string, string>): Promise<Deploy> {
    const sha = github.commit(title, files)
    github.check(sha, 'success')
    const id = (store.list(1)[0]?.id ?? 0) + 1
    await wake()
    return ended(id)
  }
  const seconds = (id: number, from: string, to: string) => {
    const at = (state: string) => store.events(id).find((event) => event.state === state)?.at ?? NaN
    return (at(to) - at(from)) / 1000
  }
  const time = (what: string, value: number, limit: number) =>
    measured.push([what, `${value.toFixed(1)} s`, `at most ${limit} s`, value <= limit])

  const [already, use] = await Promise.all([
    ended(1),
    startUse({ address, domain, authority: readFileSync(authorityFile, 'utf8') }),
  ])
  assert.equal(already.state, 'success', 'what runs already')

  const version = JSON.stringify({
    ...(JSON.parse(readFileSync('package.json', 'utf8')) as object),
    version: '0.1.1',
  })
  const good = await merge('A good one', { 'package.json': version })
  assert.equal(good.state, 'success')
  assert.equal(await use.release(), good.sha)
  time('From the merge to the site running it', seconds(good.id, 'received', 'success'), DEPLOY_SECONDS_MAX)
  const told = github.statesOf(Number(good.githubId))
  const order = [...new Set(told)].join()
  measured.push([
    'Statuses, in order',
    String(told.length),
    order,
    order === 'pending,queued,in_progress,success',
  ])
  const messages = chat.messages.filter(({ text }) => text.includes(good.sha.slice(0, 7)))
  const isWhole = messages.length === store.events(good.id).length
  measured.push(['Messages of the chat', String(messages.length), 'one for each event', isWhole])

  github.deploy(first, { task: 'rollback' })
  await wake()
  const back = await ended(good.id + 1)
  assert.equal(back.state, 'success')
  assert.equal(await use.release(), first)
  time(
    'From the decision to the release before',
    seconds(back.id, 'received', 'verifying'),
    ROLLBACK_SECONDS_MAX,
  )
  const rolling = await use.count()
  measured.push(['Requests while rolling there and back', String(rolling.answered), '', rolling.answered > 0])
  measured.push(['  failed', String(rolling.failures.length), 'none', rolling.failures.length === 0])
  measured.push([
    '  task runs that were taken and are lost',
    String(rolling.lost),
    'none',
    rolling.lost === 0,
  ])
  for (const failure of rolling.failures.slice(0, 5)) console.log(failure)

  for (const [title, reason, spoilt] of BAD) {
    // Each begins at what is good.
    const { id, state, reason: why } = await merge(title, { [WEB]: web, ...spoilt })
    github.git('rm', '--quiet', '--ignore-unmatch', 'src/migrations/9999-wrong.sql')
    const isBack = state === 'rolled_back' && reason.test(why) && (await use.release()) === first
    const took = seconds(id, 'rolling_back', 'rolled_back')
    measured.push([`${title}: taken back`, `${took.toFixed(1)} s`, 'by itself, with its reason', isBack])
    const { answered, failures, lost } = await use.count()
    measured.push([
      `  requests answered, failed meanwhile`,
      `${answered}, ${failures.length}`,
      '',
      answered > 0,
    ])
    measured.push(['  task runs lost', String(lost), 'none', lost === 0])
  }
  await use.stop()
}
