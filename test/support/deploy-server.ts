import { createHmac, randomUUID } from 'node:crypto'
import { closeSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { hashSync } from '@node-rs/argon2'
import { createChat } from '../../src/deploy/chat.ts'
import { createDeployer } from '../../src/deploy/deployer.ts'
import { createGitHub } from '../../src/deploy/github.ts'
import { runPlaybook } from '../../src/deploy/playbook.ts'
import { createRuns } from '../../src/deploy/runs.ts'
import { createRedaction } from '../../src/lib/redaction.ts'
import { loadDeploySettings } from '../../src/platform/deploy-config.ts'
import { OPEN_STATES, openDeployStore } from '../../src/platform/deploy-store.ts'
import type { DeployState, DeployStore } from '../../src/platform/deploy-store.ts'
import { createLogger } from '../../src/platform/log.ts'
import { FakeGitHub, REPOSITORY } from './github.ts'
import type { Ending } from './servers.ts'

const SECRET = 'the secret that signs webhooks'
export const OLD_SECRET = 'the secret before that one'
export const TOKEN = 'ghp_0123456789abcdefghij0123456789abcdef'
export const VAULT_PASSWORD = 'correct horse battery'
export const PASSWORD = 'an operator’s own password'

/** A chat that keeps what it is told. */
class FakeChat {
  readonly messages: { text: string; thread_ts?: string; channel?: string }[] = []
  /** What it answers with; a function so that a test can change it. */
  answer: (count: number) => [status: number, body: string] = (count) => [
    200,
    JSON.stringify({ ok: true, ts: `thread-${count}` }),
  ]
  url = ''

  static async start(t: Ending, host: string): Promise<FakeChat> {
    const chat = new FakeChat()
    const server = createServer((request, response) => {
      void json(request).then((message) => {
        const [status, body] = chat.answer(chat.messages.push(message as FakeChat['messages'][number]))
        response.writeHead(status).end(body)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    chat.url = `http://${host}:${(server.address() as AddressInfo).port}/services/chat-secret`
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    return chat
  }
}

/**
 * A folder, GitHub, a chat, and the settings of a deploy server that uses them.
 *
 * @param host the address at which GitHub and the chat listen
 */
export async function deployScene(
  t: Ending,
  settings: Record<string, string> = {},
  { host = '127.0.0.1' } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-deploy-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  const [github, chat] = await Promise.all([
    FakeGitHub.start(t, join(folder, 'repository'), host),
    FakeChat.start(t, host),
  ])
  const vault = join(folder, 'vault-password')
  const env: Record<string, string> = {
    DEPLOY_DATA_DIR: join(folder, 'server'),
    DEPLOY_PORT: '0',
    DEPLOY_URL: 'http://localhost:3900',
    // Nobody answers there.
    DEPLOY_SITE_URL: 'http://127.0.0.1:1',
    DEPLOY_REPOSITORY: REPOSITORY.name,
    DEPLOY_REPOSITORY_ID: String(REPOSITORY.id),
    DEPLOY_BRANCH: REPOSITORY.branch,
    DEPLOY_WEBHOOK_SECRETS: `${SECRET},${OLD_SECRET}`,
    DEPLOY_GITHUB_TOKEN: TOKEN,
    DEPLOY_GITHUB_API: github.url,
    DEPLOY_GIT_URL: `file://${github.folder}`,
    DEPLOY_CHECKS: 'ci',
    DEPLOY_COMMAND: '["/bin/sh"]',
    DEPLOY_OPERATORS: JSON.stringify({ olga: hashSync(PASSWORD) }),
    DEPLOY_CHAT_URL: chat.url,
    DEPLOY_POLL_SECONDS: '0.05',
    DEPLOY_AGAIN_SECONDS: '0.01',
    LOG_LEVEL: 'silent',
    ...settings,
  }
  return { folder, github, chat, env, vault }
}

export type DeployScene = Awaited<ReturnType<typeof deployScene>>

/**
 * The parts of a deploy server in this process, whose rounds the test makes. Runs are made in it too, as a process for
 * each costs seconds; with `areProcesses` each has its own, as in life.
 */
export function deployParts(t: Ending, { env, folder }: DeployScene, { areProcesses = false } = {}) {
  const settings = loadDeploySettings(env)
  const atWork = new Set<Promise<void>>()
  // A run loads the settings anew, from the environment that it inherits.
  const runHere = (own: string, lock: number) => {
    const ended = runPlaybook(own, loadDeploySettings(env), { ...process.env, ...env }, lock).finally(() => {
      closeSync(lock)
      atWork.delete(ended)
    })
    atWork.add(ended)
  }
  if (areProcesses) Object.assign(process.env, env)
  const runs = areProcesses ? createRuns(settings.folder) : createRuns(settings.folder, runHere)
  const store = openDeployStore(join(folder, 'deploys.db'), createRedaction(settings.secrets))
  const deployer = createDeployer({
    ...{ settings, store, runs },
    github: createGitHub(settings),
    chat: createChat(settings),
    log: createLogger('deploy', 'silent'),
  })
  t.after(async () => {
    await Promise.all([deployer.settled(), ...atWork])
    store.close()
  })
  return {
    settings,
    store,
    runs,
    deployer,
    /** Makes rounds until a deploy is in one of these states and everybody was told. */
    async until(id: number, ...states: DeployState[]) {
      for (;;) {
        const hasMoved = await deployer.round()
        const deploy = store.find(id)
        if (deploy && states.includes(deploy.state)) return deploy
        if (deploy && !OPEN_STATES.has(deploy.state))
          throw new Error(`Deploy ${id} is ${deploy.state}: ${deploy.reason}`)
        if (!hasMoved) await Promise.race([sleep(100), ...atWork])
      }
    },
  }
}

/** Playbooks as shell scripts: the contract asks for no more than a program that takes a file and variables. */
export function playbooks(
  scripts: Partial<Record<'deploy' | 'verify' | 'rollback', string>> = {},
): Record<string, string> {
  return {
    'ansible/deploy.yml': scripts.deploy ?? 'echo "PLAY [Migrate] ****"; echo "PLAY [Hosts] ****"; echo "$2"',
    'ansible/verify.yml': scripts.verify ?? 'echo "PLAY [Look from outside] ****"',
    'ansible/rollback.yml': scripts.rollback ?? 'echo "PLAY [Switch back] ****"; echo "$2"',
  }
}

/** Whether somebody has not been told everything. */
export function isUntold(store: DeployStore): boolean {
  return (['github', 'chat'] as const).some((receiver) => store.deploysUntold(receiver).length > 0)
}

/** A scene in which releases that were committed and are green have been deployed. */
export async function deployed(t: Ending, ...releases: Record<string, string>[]) {
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

/** A scene with a merged commit whose check has not ended, and whose deploy waits for it. */
export async function awaitingCheck(t: Ending) {
  const scene = await deployScene(t)
  const sha = scene.github.commit('One', playbooks())
  scene.github.check(sha, null)
  const parts = deployParts(t, scene)
  await parts.until(1, 'checks')
  return { ...scene, ...parts, sha }
}

interface Definition {
  name: string
  examples: { action?: string; ref?: string; pull_request?: { merged?: boolean } }[]
}

/** One of Octokit's recorded payloads. */
export function recorded(
  event: string,
  fits: (example: Definition['examples'][number]) => boolean = () => true,
): object {
  const path = 'node_modules/@octokit/webhooks-examples/api.github.com/index.json'
  const definitions = JSON.parse(readFileSync(path, 'utf8')) as Definition[]
  const found = definitions.find(({ name }) => name === event)?.examples.find(fits)
  if (!found) throw new Error(`There is no such recording of ${event}`)
  return found
}

/** The headers with which GitHub sends a body. */
export function webhookHeaders(
  event: string,
  body: string,
  { secret = SECRET, delivery = randomUUID() }: { secret?: string; delivery?: string } = {},
): Record<string, string> {
  return {
    'Content-Type': 'application/json',
    'X-GitHub-Event': event,
    'X-GitHub-Delivery': delivery,
    'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  }
}
