import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../platform/log.ts'
import type { Chat } from './chat.ts'
import type { Deploy, DeployEvent, DeployStore, Receiver } from '../platform/deploy-store.ts'
import type { Deployment, GitHub } from './github.ts'
import type { RunOrder, RunResult, Runs } from './runs.ts'
import type { DeploySettings } from '../platform/deploy-config.ts'

interface Parts {
  settings: Pick<DeploySettings, 'againMs' | 'checksMs' | 'lookMs' | 'repository'>
  store: DeployStore
  github: GitHub
  chat: Chat
  runs: Runs
  log: Logger
}

/** What stands before the reason as long as a release is being taken back. */
const GOING_BACK = /^Going back to \w{7}: /

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

  /** One thing that fails, such as GitHub, keeps no other from being done. */
  async function attempt(what: string, work: () => Promise<void> | void): Promise<void> {
    try {
      await work()
    } catch (error) {
      log.warn({ err: error, what }, 'deploy round failed in part')
      again.set(what, Date.now() + settings.againMs)
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
    if (!store.hasSha(head.sha)) store.add({ kind: 'deploy', cause: 'merge', ...head })
    const deployments = await github.deployments()
    const newest = Math.max(0, ...deployments.map(({ id }) => id))
    // What was asked for before there was a deploy server is none of its business.
    const seen = Number(store.get('seen') ?? newest)
    for (const deployment of deployments.reverse()) if (deployment.id > seen) adopt(deployment)
    store.set('seen', String(Math.max(newest, seen)))
    lookAt = Date.now() + settings.lookMs
  }

  /** Takes up a Deployment: one that we made and did not hear of, or one that somebody asks for. */
  function adopt({ id, deployId, ...asked }: Deployment): void {
    if (store.hasGithubId(id)) return
    const ours = deployId === undefined ? undefined : store.find(deployId)
    if (!ours) store.add({ ...asked, cause: 'deployment', githubId: id })
    else if (ours.sha === asked.sha && ours.githubId === null) store.setGithubId(ours.id, id)
  }

  function advance(deploy: Deploy): void {
    const { id, state, kind } = deploy
    if (state === 'received') receive(deploy)
    else if (state === 'checks') aside(`checks ${id}`, () => awaitChecks(deploy))
    else if (state === 'queued') begin(deploy)
    else if (state === 'running') follow(deploy, kind)
    else follow(deploy, state === 'verifying' ? 'verify' : 'rollback')
  }

  const limit = `${Math.ceil(settings.checksMs / 60_000)} minutes`
  const isLate = ({ changed }: Deploy) => Date.now() - changed > settings.checksMs

  function receive(deploy: Deploy): void {
    if (deploy.kind === 'deploy') aside(`publish ${deploy.id}`, () => admit(deploy))
    else {
      // Nothing of GitHub is needed: there must be a way back when it is down.
      aside(`publish ${deploy.id}`, () => publish(deploy))
      if (store.hasSucceeded(deploy.sha)) enqueue(deploy, 'The hosts have this release.')
      else
        store.move(deploy, 'failed', 'This release was never deployed here, so there is no going back to it.')
    }
  }

  async function admit(deploy: Deploy): Promise<void> {
    const { sha } = deploy
    if (isLate(deploy)) store.move(deploy, 'failed', `GitHub could not be asked in ${limit}.`)
    else if (await github.isOnBranch(sha)) {
      await publish(deploy)
      store.move(deploy, 'checks', 'Waiting for the required checks.')
    } else store.move(deploy, 'failed', `${sha.slice(0, 7)} is not part of ${settings.repository.branch}.`)
  }

  async function publish(deploy: Deploy): Promise<void> {
    if (deploy.githubId === null) store.setGithubId(deploy.id, await github.createDeployment(deploy))
  }

  async function awaitChecks(deploy: Deploy): Promise<void> {
    const { sha } = deploy
    const verdict = isLate(deploy)
      ? { failed: `The required checks were not green in ${limit}.` }
      : await github.checks(sha)
    if (verdict === 'pending') again.set(`checks ${deploy.id}`, Date.now() + settings.againMs)
    else if (verdict === 'green') enqueue(deploy, 'The required checks are green.')
    else store.move(deploy, 'failed', verdict.failed)
  }

  function enqueue(deploy: Deploy, why: string): void {
    const lock = store.get('lock')
    const active = store.active()
    const waits =
      lock === undefined
        ? active && `Waiting for deploy ${active.id}.`
        : `Waiting: the environment is locked. ${lock}`
    store.move(deploy, 'queued', [why, waits].join(' ').trim())
  }

  /** One at a time: who waits, waits for whatever is at work, and for a person where a rollback has failed. */
  function begin(deploy: Deploy): void {
    if (store.get('lock') !== undefined || store.active()) return
    store.move(deploy, 'running', deploy.kind === 'deploy' ? 'Deploying.' : 'Switching back.')
  }

  /** Starts the run that belongs to a state, or sees how it is doing. */
  function follow(deploy: Deploy, stage: RunOrder['stage']): void {
    const state = runs.state(deploy.id, stage)
    if (state === 'none') {
      runs.start(deploy.id, orderOf(deploy, stage))
      return
    }
    for (const step of runs.steps(deploy.id, stage).slice(deploy.steps)) {
      store.step(deploy, step)
      deploy.steps += 1
    }
    if (state === 'busy') return
    const lost = { ok: false, began: true, reason: 'The run was ended from outside before it could finish.' }
    conclude(deploy, state === 'lost' ? lost : state)
  }

  /** A rollback uses the playbook of the release it goes back to, which has worked. */
  function orderOf({ sha, state }: Deploy, stage: RunOrder['stage']): RunOrder {
    const previous = store.lastSuccess()?.sha ?? ''
    const release = state === 'rolling_back' ? previous : sha
    return { stage, checkout: release, release, previous: state === 'rolling_back' ? sha : previous }
  }

  function conclude(deploy: Deploy, { ok, reason, began }: RunResult): void {
    if (ok) succeed(deploy)
    else if (!began && deploy.state === 'running')
      store.move(deploy, 'failed', `No host was touched: ${reason}`)
    else goBack(deploy, reason)
  }

  function succeed(deploy: Deploy): void {
    const { id, sha, state } = deploy
    if (state === 'running')
      store.move(deploy, 'verifying', 'All hosts run it. Looking at the site from outside.')
    else if (state === 'verifying') store.move(deploy, 'success', `${sha.slice(0, 7)} is what the site runs.`)
    else {
      const why = store.saidOf(id, 'rolling_back')
      // The reason at once: GitHub shows the beginning only.
      store.move(deploy, 'rolled_back', `Taken back: ${why.replace(GOING_BACK, '')}`)
    }
  }

  function goBack(deploy: Deploy, reason: string): void {
    const previous = store.lastSuccess()
    if (deploy.kind === 'rollback' || deploy.state === 'rolling_back')
      store.breakDown(deploy, `The rollback failed, so the environment is locked: ${reason}`)
    else if (previous)
      store.move(deploy, 'rolling_back', `Going back to ${previous.sha.slice(0, 7)}: ${reason}`)
    else store.move(deploy, 'failed', `There is no earlier release to go back to: ${reason}`)
  }

  /**
   * Tells what happened, in order. A receiver that is away is told later; none keeps a deploy from going on.
   *
   * @param send returns false when it is too early.
   */
  async function tell(
    receiver: Receiver,
    send: (deploy: Deploy, event: DeployEvent) => Promise<boolean>,
  ): Promise<void> {
    for (const event of store.untold(receiver)) {
      try {
        if (!(await send(event.deploy, event))) return
        store.told(receiver, event.id)
      } catch (error) {
        if (!store.notTold(receiver, event.id)) throw error
        log.warn({ err: error, receiver, event: event.id }, 'never told')
      }
    }
  }

  async function tellGitHub({ id, githubId, state }: Deploy, event: DeployEvent): Promise<boolean> {
    if (githubId !== null) await github.tell(githubId, id, event)
    return githubId !== null || (state !== 'received' && !beside.has(`publish ${id}`))
  }

  async function tellChat(deploy: Deploy, { text }: DeployEvent): Promise<boolean> {
    const thread = await parts.chat.tell(deploy, text)
    if (thread !== undefined && deploy.thread === null) store.setThread(deploy.id, thread)
    return true
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
      aside('github', () => tell('github', tellGitHub))
      aside('chat', () => tell('chat', tellChat))
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
