import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { PASSWORD, deployScene, recorded, webhookHeaders } from '../support/deploy-server.ts'
import { REPOSITORY } from '../support/github.ts'
import { freePort } from '../support/started-site.ts'
import { DOMAIN, NETWORK, addressOf, ask, hosts, hostsOf, provision, readAuthority } from './hosts.ts'
import { BAD_RELEASES, WRONG_MIGRATION, goodRelease } from './releases.ts'
import { startUse } from './use-steadily.ts'
import { Visitor } from './visit.ts'

/**
 * Speaks GitHub's API and is a chat on the hosts' network, provisions a site with a deploy server that knows both, and
 * merges releases that are made of this checkout's last commit. All that is measured is what GitHub, the chat, operators
 * and visitors see.
 *
 *   node test/cluster/deploy-releases.ts SITE-FOLDER [again]
 *
 * With `again` all but the deploy server is there already.
 */
const [site = '', again] = process.argv.slice(2)
const DEPLOY_DOMAIN = `deploy.${DOMAIN}`
const SERVER = 'deploy'
const SERVER_FOLDER = '/var/lib/manyhands-deploy'
const OUTSIDE = `${NETWORK}.1`
const DEPLOY_SECONDS_MAX = 180
const ROLLBACK_SECONDS_MAX = 60
const PATIENCE_MS = 15 * 60_000
/** At GitHub nothing comes after these. */
const ENDS = new Set(['success', 'failure', 'error', 'inactive'])

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
  const scene = await deployScene(
    { after: (end: () => unknown) => void ends.push(end) },
    {},
    { host: OUTSIDE },
  )
  const { github, chat } = scene
  github.git('fetch', '--quiet', process.cwd(), 'HEAD')
  github.git('reset', '--quiet', '--hard', 'FETCH_HEAD')
  const first = github.git('rev-parse', 'HEAD')
  await settle(scene)
  const onlyServer = ['--tags', 'deploy_server']
  if (again === undefined) await provision(site)
  else {
    // It knows another GitHub now.
    await ask(['exec', SERVER, 'rm', '-rf', `${SERVER_FOLDER}/data`])
    await provision(site, onlyServer)
  }
  assert.equal(await provision(site, onlyServer), 0, 'a second run changes nothing')
  await bringPackages(first)
  const [app = ''] = hostsOf(site, 'app')
  const authority = readFileSync(await readAuthority(app, site), 'utf8')
  const server = await addressOf(SERVER)
  const operator = new Visitor({ address: server, domain: DEPLOY_DOMAIN, authority })
  await operator.send('/account/signin', { name: 'olga', password: PASSWORD, next: '/' })

  async function webhook(body: string, headers: Record<string, string>): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const call = request({
      ...{ host: server, servername: DEPLOY_DOMAIN, ca: authority, path: '/webhooks/github', method: 'POST' },
      headers: { ...headers, Host: DEPLOY_DOMAIN, 'Content-Length': Buffer.byteLength(body) },
    })
    call.on('error', reject).once('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    call.end(body)
    return promise
  }
  const push = JSON.stringify({ ...recorded('push'), ref: `refs/heads/${REPOSITORY.branch}` })
  async function wake(): Promise<void> {
    assert.equal(await webhook(push, webhookHeaders('push', push)), 202)
  }

  /** What was told of a deploy once it has ended. @param known how many deployments there were before it was asked for */
  async function ended(sha: string, known: number) {
    const until = Date.now() + PATIENCE_MS
    for (;;) {
      const deployment = github.deployments.slice(known).find((one) => one.sha === sha)
      const told = github.statuses.filter((status) => status.deployment === deployment?.id)
      const id = (deployment?.payload as { deploy?: number } | undefined)?.deploy ?? 0
      const messages = chat.messages.filter(({ text }) => text.includes(` deploy ${id} `))
      const last = told.at(-1)
      if (last && ENDS.has(last.state) && messages.length >= told.length) return { id, told, last, messages }
      if (Date.now() > until)
        throw new Error(`${sha} does not end. ${JSON.stringify(told)}\n${await journal()}`)
      await sleep(100)
    }
  }
  type Ended = Awaited<ReturnType<typeof ended>>

  async function show({ id, told }: Ended, isGood: boolean): Promise<void> {
    for (const { at, state, description } of told)
      console.log(`  ${new Date(at).toISOString().slice(11, 19)} ${state}: ${description}`)
    if (!isGood) console.log((await operator.get(`/deploys/${id}/log`)).body.slice(-6_000))
  }

  /** Merges a commit whose checks are green, and waits for what becomes of it. */
  async function merge(title: string, files: Readonly<Record<string, string>>) {
    const sha = github.commit(title, files)
    github.check(sha, 'success')
    const known = github.deployments.length
    const at = Date.now()
    console.log(`${title}: ${sha.slice(0, 7)}`)
    await wake()
    return { sha, at, ...(await ended(sha, known)) }
  }
  const time = (what: string, milliseconds: number, limit: number) => {
    const value = milliseconds / 1000
    measured.push([what, `${value.toFixed(1)} s`, `at most ${limit} s`, value <= limit])
  }
  const must = (what: string, value: number | string, limit: string, isGood: boolean) => {
    measured.push([what, String(value), limit, isGood])
  }
  /** Whether both receivers were told the same, all of it and in order. */
  function mustBeTold({ told, messages }: Ended): void {
    const order = [...new Set(told.map(({ state }) => state))].join()
    must('  statuses, in order', told.length, order, order === 'pending,queued,in_progress,success')
    const isWhole =
      messages.length === told.length &&
      told.every(({ description }, index) => messages[index]?.text.includes(description.slice(0, 100)))
    must('  messages of the chat', messages.length, 'the same', isWhole)
  }

  github.check(first, 'success')
  await wake()
  const already = await ended(first, 0)
  await show(already, already.last.state === 'success')
  assert.equal(already.last.state, 'success', 'what runs already')
  await refuseForgeries()

  const addresses = await Promise.all(hostsOf(site, 'app').map(addressOf))
  const use = await startUse({ addresses, domain: DOMAIN, authority, outside: OUTSIDE })
  await sleep(10_000)
  await countUse('Before anything is deployed', true)

  const good = await merge('A good one', goodRelease())
  await show(good, good.last.state === 'success')
  assert.equal(good.last.state, 'success')
  assert.equal(await use.release(), good.sha)
  time('From the merge to all hosts answering with it', good.last.at - good.at, DEPLOY_SECONDS_MAX)
  mustBeTold(good)
  await countUse('While it was deployed', true)

  const known = github.deployments.length
  const decided = Date.now()
  await operator.send(`/deploys/${already.id}/roll-back`, {})
  const back = await ended(first, known)
  await show(back, back.last.state === 'success')
  assert.equal(back.last.state, 'success')
  assert.equal(await use.release(), first)
  time('From the decision to the release before', back.last.at - decided, ROLLBACK_SECONDS_MAX)
  mustBeTold(back)
  await countUse('While it was rolled back', true)

  for (const { title, reason, files } of Object.values(BAD_RELEASES)) {
    const bad = await merge(title, files)
    github.git('rm', '--quiet', '--ignore-unmatch', WRONG_MIGRATION)
    const page = (await operator.get(`/deploys/${bad.id}`)).body
    const isBack = bad.last.state === 'failure' && (await use.release()) === first
    const isToldAt = { status: bad.last.description, chat: bad.messages.at(-1)?.text ?? '', page }
    const silent = Object.entries(isToldAt).filter(([, text]) => !reason.test(text))
    await show(bad, isBack && silent.length === 0)
    // One that fails before a host was switched has nowhere to go back from.
    const since = bad.told.find(({ description }) => description.startsWith('Going back'))?.at ?? bad.last.at
    time(`${title}: taken back`, bad.last.at - since, ROLLBACK_SECONDS_MAX)
    const where = silent.map(([place]) => place).join() || 'status, chat, page'
    must('  by itself, with its reason', where, 'told in all three', isBack && silent.length === 0)
    await countUse('  meanwhile', false)
  }
  await use.stop()

  /** What became of the requests, task runs and jobs since it was last asked. */
  async function countUse(what: string, isGood: boolean): Promise<void> {
    const { answered, failures, lost, jobsLost, perSecond } = await use.count()
    must(`${what}: requests`, `${answered}`, `${perSecond.toFixed(0)} per second`, answered > 0)
    must(
      '  failed',
      failures.length,
      isGood ? 'none' : 'never all',
      isGood ? failures.length === 0 : failures.length < answered / 10,
    )
    must('  task runs, jobs that are lost', `${lost}, ${jobsLost}`, 'none', lost === 0 && jobsLost === 0)
    for (const failure of failures.slice(0, 5)) console.log(`  ${failure}`)
  }

  /** What is none of GitHub's, or came before, deploys nothing. */
  async function refuseForgeries(): Promise<void> {
    const known = github.deployments.length
    const replayed = webhookHeaders('push', push)
    assert.equal(await webhook(push, replayed), 202)
    await sleep(5_000)
    github.commit('Nobody has said so yet', {})
    const { 'X-Hub-Signature-256': _, ...unsigned } = webhookHeaders('push', push)
    const statuses = [
      await webhook(push, replayed),
      await webhook(push, unsigned),
      await webhook(push, webhookHeaders('push', push, { secret: 'some other secret of the same length' })),
      await webhook(push.slice(0, -9), webhookHeaders('push', push)),
      await webhook(' '.repeat(1.5 * 1024 * 1024), unsigned),
      await webhook(' '.repeat(3 * 1024 * 1024), unsigned),
    ]
    assert.deepEqual(statuses, [202, 401, 401, 401, 413, 413])
    await sleep(5_000)
    assert.equal(github.deployments.length, known)
    github.git('reset', '--quiet', '--hard', first)
    must('Forged, cut off, huge and replayed webhooks', statuses.join(), 'none acts', true)
  }
}

/** The settings of the deploy server, as an operator writes them into the site's folder. */
async function settle({ github, chat, env, folder }: Awaited<ReturnType<typeof deployScene>>): Promise<void> {
  const port = await freePort()
  const daemon = spawn(
    'git',
    [
      'daemon',
      '--reuseaddr',
      '--export-all',
      `--listen=${OUTSIDE}`,
      `--port=${port}`,
      `--base-path=${folder}`,
    ],
    { stdio: 'inherit' },
  )
  ends.push(() => daemon.kill())
  const addresses = await Promise.all(hostsOf(site, 'app').map(addressOf))
  const [, key = ''] = /IdentityFile (\S+)/.exec(await ask(['ssh-config'])) ?? []
  const settings = {
    deploy_server_domain: DEPLOY_DOMAIN,
    deploy_server_repository: REPOSITORY.name,
    deploy_server_repository_id: REPOSITORY.id,
    deploy_server_checks: ['ci'],
    deploy_server_known_hosts: execFileSync('ssh-keyscan', ['-t', 'ed25519', ...addresses], {
      encoding: 'utf8',
    }),
    deploy_server_settings: {
      DEPLOY_BRANCH: REPOSITORY.branch,
      DEPLOY_GITHUB_API: github.url,
      DEPLOY_GIT_URL: `git://${OUTSIDE}:${port}/repository`,
    },
    vault_deploy_github_token: env['DEPLOY_GITHUB_TOKEN'],
    vault_deploy_webhook_secrets: env['DEPLOY_WEBHOOK_SECRETS']?.split(','),
    vault_deploy_operators: JSON.parse(env['DEPLOY_OPERATORS'] ?? '') as unknown,
    vault_deploy_ssh_key: readFileSync(key, 'utf8'),
    vault_deploy_chat_url: chat.url,
  }
  writeFileSync(join(site, 'group_vars/all/deploy.yml'), stringify(settings, { version: '1.1' }))
}

/** The deploy server has no way out to npm's registry: it gets what was packed here. */
async function bringPackages(release: string): Promise<void> {
  const folder = '.data/releases'
  const sums = readFileSync(join(folder, `release-${release}.sha256`), 'utf8')
  const files = [...sums.matchAll(/ {2}(\S+)$/gm)].map(([, name]) => join(folder, name ?? ''))
  const to = `${SERVER_FOLDER}/packed`
  await ask(['exec', SERVER, 'mkdir', '-p', to])
  await hosts([
    ...['net', 'scp', '-q', '-F', join(site, 'ssh_config'), ...files],
    ...[join(folder, `release-${release}.sha256`), `${SERVER}:${to}/`],
  ])
  await ask(['exec', SERVER, 'chown', '-R', 'manyhands-deploy:', to])
}

function journal(): Promise<string> {
  return ask(['exec', SERVER, 'journalctl', '-u', 'manyhands-deploy', '-n', '60', '--no-pager'])
}
