import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../platform/log.ts'
import { messageOf } from '../lib/errors.ts'
import { releaseAt } from '../platform/site-release.ts'
import type { Chat } from './chat.ts'
import type { Deploy, DeployEvent, DeployState, DeployStore, Receiver } from '../platform/deploy-store.ts'
import type { Deployment, GitHub } from './github.ts'
import type { RunOrder, RunResult, Runs } from './runs.ts'
import type { DeploySettings } from '../platform/deploy-config.ts'

interface Parts {
  settings: Pick<DeploySettings, 'againMs' | 'checksMs' | 'lookMs' | 'repository' | 'siteUrl'>
  store: DeployStore
  github: GitHub
  chat: Chat
  runs: Runs
  log: Logger
}

/** In these a release is being taken back. */
const BACK_STATES: ReadonlySet<DeployState> = new Set(['rolling_back', 'verifying_back'])

/** What stands before the reason as long as that lasts. */
const GOING_BACK = /^Going back to \w{7}: /

/** How much later than usual something is tried again that has failed often. */
const AGAIN_TIMES_MAX = 8

/** A receiver that did not take a message for so long, in milliseconds, is not told of it any more. */
const TOLD_MS_MAX = 2 * 86_400_000

/** How long a round waits for GitHub or the chat; what takes longer goes on beside the next rounds. */
const WAIT_MS_MAX = 1_000

/**
 * Moves deploys from state to state. Everything it knows is in the store, at GitHub and in the folders of runs, and each
 * round looks at these afresh: it makes no difference whether the server was ended between two rounds.
 */
export function createDeployer(parts: Parts) {
  const { settings, store, github, runs, log } = parts
  let lookAt = 0
  let looks = 0
  /** What GitHub or the chat is asked or told just now, by name: each once at a time. */
  const beside = new Map<string, Promise<void>>()
  let begun: Promise<void>[] = []
  /** When what came to nothing is done again, by name: GitHub counts what it is asked. */
  const again = new Map<string, number>()
  /** How often in a row something came to nothing, by name. */
  const fails = new Map<string, number>()
  const started = Date.now()

  /** One thing that fails, such as GitHub, keeps no other from being done. */
  async function attempt(what: string, work: () => Promise<void> | void): Promise<void> {
    try {
      await work()
      fails.delete(what)
      if (what === 'look') store.set('trouble', '')
    } catch (error) {
      const times = fails.get(what) ?? 0
      log.warn({ err: error, what, times }, 'deploy round failed in part')
      fails.set(what, times + 1)
      if (what === 'look') store.set('trouble', messageOf(error))
      again.set(what, Date.now() + settings.againMs * Math.min(2 ** times, AGAIN_TIMES_MAX))
    }
  }

  /** Does something that keeps no deploy from going on, however long it takes. */
  function aside(what: string, work: () => Promise<void>): void {
    if (beside.has(what) || Date.now() < (again.get(what) ?? 0)) return
    const ended = attempt(what, work).finally(() => beside.delete(what))
    beside.set(what, ended)
    begun.push(ended)
  }

  /** Waits for what this round has begun, in the hope that the next one knows more; but not long. */
  async function waitAWhile(): Promise<void> {
    await Promise.race([Promise.all(begun), sleep(WAIT_MS_MAX, undefined, { ref: false })])
    begun = []
  }

  /** Finds what there is to deploy. The state of things decides, not the webhook that came: so none has to be believed. */
  async function look(): Promise<void> {
    looks -= 1
    lookAt = 0
    const head = await github.head()
    // Before its first deploy this server knows of nothing to go back to, unless the site runs something that GitHub has.
    const found = store.list(1).length === 0 ? await releaseAt(settings.siteUrl) : undefined
    if (found !== undefined && (await github.isOnBranch(found)))
      store.unlock({ sha: found, who: settings.siteUrl, title: 'What the site runs' })
    if (!store.hasSha(head.sha)) store.add({ kind: 'deploy', cause: 'merge', ...head })
    const deployments = await github.deployments()
    const newest = Math.max(0, ...deployments.map(({ githubId }) => githubId))
    // What was asked for before there was a deploy server is none of its business.
    const seen = Number(store.get('seen') ?? newest)
    for (const deployment of deployments.reverse()) if (deployment.githubId > seen) adopt(deployment)
    store.set('seen', String(Math.max(newest, seen)))
    lookAt = Date.now() + settings.lookMs
  }

  /** Takes up a Deployment: one that we made and did not hear of, or one that somebody asks for. */
  function adopt({ deployId, ...asked }: Deployment): void {
    if (store.hasGithubId(asked.githubId)) return
    const ours = deployId === undefined ? undefined : store.find(deployId)
    if (!ours) store.add({ ...asked, cause: 'deployment' })
    else if (ours.sha === asked.sha && ours.githubId === null) store.setGithubId(ours.id, asked.githubId)
  }

  function advance(deploy: Deploy): void {
    const { id, state } = deploy
    if (state === 'received') receive(deploy)
    else if (state === 'checks') aside(`checks ${id}`, () => awaitChecks(deploy))
    else if (state === 'queued') begin(deploy)
    else follow(deploy)
  }

  const limit = `${Math.ceil(settings.checksMs / 60_000)} minutes`
  /** What waited while this server was away has its whole time once it is back. */
  const isLate = ({ changed }: Deploy) => Date.now() - Math.max(changed, started) > settings.checksMs

  function receive(deploy: Deploy): void {
    if (deploy.kind === 'deploy') aside(`admit ${deploy.id}`, () => admit(deploy))
    // Nothing of GitHub is needed: there must be a way back when it is down.
    else if (store.releases().includes(deploy.sha)) enqueue(deploy, 'The hosts have this release.')
    else store.move(deploy, 'failed', 'The hosts do not have this release, or no longer: deploy it again.')
  }

  /** What GitHub says. Whoever waited for it long enough fails, and there is nothing to say. */
  async function inTime<T>(deploy: Deploy, asked: Promise<T>): Promise<T | undefined> {
    return asked.catch((error: unknown) => {
      if (!isLate(deploy)) throw error
      store.move(deploy, 'failed', `GitHub could not be asked in ${limit}.`)
      return undefined
    })
  }

  async function admit(deploy: Deploy): Promise<void> {
    const { sha } = deploy
    const isOnBranch = await inTime(deploy, github.isOnBranch(sha))
    if (isOnBranch) store.move(deploy, 'checks', 'Waiting for the required checks.')
    else if (isOnBranch === false)
      store.move(deploy, 'failed', `${sha.slice(0, 7)} is not part of ${settings.repository.branch}.`)
  }

  async function awaitChecks(deploy: Deploy): Promise<void> {
    const verdict = await inTime(deploy, github.checks(deploy.sha))
    if (verdict === undefined) return
    if (verdict === 'green') enqueue(deploy, 'The required checks are green.')
    else if (verdict !== 'pending') store.move(deploy, 'failed', verdict.failed)
    else if (isLate(deploy)) store.move(deploy, 'failed', `The required checks were not green in ${limit}.`)
    else again.set(`checks ${deploy.id}`, Date.now() + settings.againMs)
  }

  function enqueue(deploy: Deploy, why: string): void {
    const lock = store.get('lock')
    const active = store.active()
    const waits =
      lock === undefined
        ? active && `Waiting for deploy ${active.id}.`
        : `Waiting: the environment is locked. ${lock}`
    store.enqueue(deploy, [why, waits].join(' ').trim())
  }

  /** One at a time: who waits, waits for whatever is at work, and where a rollback has failed for a person, who may try it again. */
  function begin(deploy: Deploy): void {
    const isTriedAgain = deploy.kind === 'rollback' && deploy.cause === 'page'
    if ((store.get('lock') !== undefined && !isTriedAgain) || store.active()) return
    store.move(deploy, 'running', deploy.kind === 'deploy' ? 'Deploying.' : 'Switching back.')
  }

  /** Starts the run that belongs to a state, or sees how it is doing. */
  function follow(deploy: Deploy): void {
    const run = runs.state(deploy)
    if (run === 'none') {
      runs.start(deploy, orderOf(deploy))
      return
    }
    for (const step of runs.steps(deploy).slice(deploy.steps)) {
      store.step(deploy, step)
      deploy.steps += 1
    }
    if (run === 'busy') return
    conclude(deploy, run)
  }

  /** A rollback uses the playbook of the release it goes back to, which has worked. */
  function orderOf({ sha, state, kind }: Deploy): RunOrder {
    const before = store.lastSuccess()?.sha ?? ''
    const playbook = state === 'running' ? kind : state === 'rolling_back' ? 'rollback' : 'verify'
    if (BACK_STATES.has(state)) return { playbook, release: before, previous: sha }
    return { playbook, release: sha, previous: before }
  }

  function conclude(deploy: Deploy, { ok, reason, began }: RunResult): void {
    if (ok) succeed(deploy)
    else if (!began && deploy.state === 'running')
      store.move(deploy, 'failed', `No host was switched: ${reason}`)
    else goBack(deploy, reason)
  }

  function succeed(deploy: Deploy): void {
    const { id, sha, state } = deploy
    const look = 'Looking at the site from outside.'
    if (state === 'running') store.move(deploy, 'verifying', `All hosts run it. ${look}`)
    else if (state === 'rolling_back') store.move(deploy, 'verifying_back', `All hosts are back. ${look}`)
    else if (state === 'verifying') store.move(deploy, 'success', `${sha.slice(0, 7)} is what the site runs.`)
    // The reason at once: GitHub shows the beginning only.
    else
      store.move(deploy, 'rolled_back', store.saidOf(id, 'rolling_back').replace(GOING_BACK, 'Taken back: '))
  }

  function goBack(deploy: Deploy, reason: string): void {
    const previous = store.lastSuccess()
    if (deploy.kind === 'rollback' || BACK_STATES.has(deploy.state))
      store.breakDown(deploy, `The rollback failed, so the environment is locked: ${reason}`)
    else if (previous)
      store.move(deploy, 'rolling_back', `Going back to ${previous.sha.slice(0, 7)}: ${reason}`)
    else store.move(deploy, 'failed', `There is no earlier release to go back to: ${reason}`)
  }

  /** Whoever is away is told later, and keeps neither a deploy from going on nor others from being told. */
  function tellAll(receiver: Receiver, send: (deploy: Deploy, event: DeployEvent) => Promise<void>): void {
    for (const id of store.deploysUntold(receiver)) aside(`${receiver} ${id}`, () => tell(receiver, id, send))
  }

  /** Tells what happened to a deploy, in order; after a failure only the last of it, which outdoes the rest. */
  async function tell(receiver: Receiver, id: number, send: Parameters<typeof tellAll>[1]): Promise<void> {
    for (const event of store.untold(receiver, id, fails.has(`${receiver} ${id}`))) {
      try {
        await send(event.deploy, event)
      } catch (error) {
        if (Date.now() - event.at < TOLD_MS_MAX) throw error
        log.warn({ err: error, receiver, event: event.id }, 'never told')
      }
      store.told(receiver, event)
    }
  }

  async function tellGitHub(deploy: Deploy, event: DeployEvent): Promise<void> {
    const { id } = deploy
    const githubId = deploy.githubId ?? (await github.createDeployment(deploy))
    if (deploy.githubId === null) store.setGithubId(id, githubId)
    await github.tell(githubId, id, event)
  }

  async function tellChat(deploy: Deploy, { text }: DeployEvent): Promise<void> {
    const thread = await parts.chat.tell(deploy, text)
    if (thread !== undefined && deploy.thread === null) store.setThread(deploy.id, thread)
  }

  return {
    /**
     * Looks what there is to do, moves on what can be moved, and tells of it.
     *
     * @returns whether something moved, so that the next round should come at once.
     */
    async round(): Promise<boolean> {
      const before = JSON.stringify(store.open())
      if (looks > 0 || Date.now() >= lookAt) aside('look', look)
      await waitAWhile()
      for (const deploy of store.open())
        await attempt(deploy.state, () => {
          advance(deploy)
        })
      await waitAWhile()
      tellAll('github', tellGitHub)
      tellAll('chat', tellChat)
      await waitAWhile()
      return JSON.stringify(store.open()) !== before
    },
    /** Waits for what GitHub and the chat are asked and told beside the rounds. */
    async settled(): Promise<void> {
      await Promise.all(beside.values())
    },
    /** Something has happened at GitHub: the next round looks, and the one after it, for GitHub itself may be behind. */
    wake(): void {
      looks = 2
      for (const { id } of store.open()) again.delete(`checks ${id}`)
    },
  }
}
