import { Octokit } from '@octokit/core'
import { RequestError } from '@octokit/request-error'
import { z } from 'zod'
import { PER_PAGE, allPages } from '../lib/all-pages.ts'
import type { Deploy, DeployEvent, DeployState } from '../platform/deploy-store.ts'
import type { DeploySettings } from '../platform/deploy-config.ts'

/** GitHub has no more than 140 characters for what a status says. */
const DESCRIPTION_MAX = 140
const ANSWER_MS_MAX = 15_000

/** What GitHub calls a deploy's state. */
const GITHUB_STATE = {
  received: 'pending',
  checks: 'pending',
  queued: 'queued',
  running: 'in_progress',
  verifying: 'in_progress',
  rolling_back: 'in_progress',
  verifying_back: 'in_progress',
  success: 'success',
  failed: 'failure',
  rolled_back: 'failure',
  broken: 'error',
  superseded: 'inactive',
} as const satisfies Record<DeployState, string>

export type Commit = Pick<Deploy, 'sha' | 'title' | 'who'>

export interface Deployment extends Commit, Pick<Deploy, 'kind'> {
  githubId: number
  /** Which of our deploys made it. */
  deployId: number | undefined
}

/** What came of the required checks: green, not known yet, or what a person has to read. */
export type Verdict = 'green' | 'pending' | { failed: string }

/** How a required check may end for GitHub itself to let the pull request be merged. */
const GREEN: ReadonlySet<string | null> = new Set(['success', 'neutral', 'skipped'])

/** How checks ended, by name; null while one runs. */
type Verdicts = ReadonlyMap<string, string | null>

/** It answers otherwise only where it was asked to merge. */
const Made = z.object({ id: z.number() })

const fetchInTime: typeof fetch = (address, options) =>
  fetch(address, { ...options, signal: AbortSignal.timeout(ANSWER_MS_MAX) })

/** What we send along with a deployment; others send whatever they like, or nothing. */
const Ours = z.object({ deploy: z.number().optional() }).catch({})

export type GitHub = ReturnType<typeof createGitHub>

/** The few things that GitHub is asked and told about one repository. Whatever it does not do in 15 s has failed. */
export function createGitHub({ github, repository, environment, checks, url, siteUrl }: DeploySettings) {
  const { owner, repo, branch } = repository
  const { request: ask } = new Octokit({
    auth: github.token,
    baseUrl: github.api,
    userAgent: 'manyhands-deploy',
    request: { fetch: fetchInTime },
  })
  const here = { owner, repo }
  const commit = (sha: string) => ({ ...here, commit_sha: sha })
  const pageOn = (sha: string, page: number) => ({ ...here, ref: sha, per_page: PER_PAGE, page })

  async function treeOf(sha: string): Promise<string> {
    const { data } = await ask('GET /repos/{owner}/{repo}/git/commits/{commit_sha}', commit(sha))
    return data.tree.sha
  }

  /** What check runs have said of a commit, by name: of several runs of one check, the newest. */
  async function runsOn(sha: string): Promise<Verdicts> {
    const runs = await allPages(async (page) => {
      const { data } = await ask('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', pageOn(sha, page))
      return data.check_runs
    })
    // Ids grow with time, in whatever order runs are listed.
    runs.sort((one, other) => Number(one.id) - Number(other.id))
    return new Map(runs.map(({ name, conclusion }) => [name, conclusion]))
  }

  /** What classic statuses say of a commit, by name; GitHub lists only the newest of each. */
  async function statusesOn(sha: string): Promise<Verdicts> {
    const statuses = await allPages(async (page) => {
      const { data } = await ask('GET /repos/{owner}/{repo}/commits/{ref}/status', pageOn(sha, page))
      return data.statuses
    })
    return new Map(statuses.map(({ context, state }) => [context, state === 'pending' ? null : state]))
  }

  /** A name that is both a check run's and a status's is green when both are. */
  async function verdictOn(sha: string): Promise<Verdict> {
    const both = await Promise.all([runsOn(sha), statusesOn(sha)])
    const said = checks.flatMap((name) => {
      const found = both.map((verdicts) => verdicts.get(name)).filter((verdict) => verdict !== undefined)
      return (found.length === 0 ? [null] : found).map((verdict) => ({ name, verdict }))
    })
    const red = said.find(({ verdict }) => verdict !== null && !GREEN.has(verdict))
    if (red) return { failed: `The check “${red.name}” of ${sha.slice(0, 7)} ended with ${red.verdict}.` }
    return said.every(({ verdict }) => GREEN.has(verdict)) ? 'green' : 'pending'
  }

  /** Whether checks of a merged pull request's last commit count for what it became: they saw the same files. */
  async function isGreenElsewhere(sha: string): Promise<boolean> {
    const { data: pulls } = await ask('GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls', commit(sha))
    const heads = pulls
      .filter(({ merged_at: mergedAt, base }) => mergedAt !== null && base.ref === branch)
      .map(({ head }) => head.sha)
      .filter((head) => head !== sha)
    const tree = heads.length > 0 ? await treeOf(sha) : ''
    for (const head of heads) {
      if ((await treeOf(head)) === tree && (await verdictOn(head)) === 'green') return true
    }
    return false
  }

  return {
    /** The last commit of the branch. */
    async head(): Promise<Commit> {
      const { data } = await ask('GET /repos/{owner}/{repo}/branches/{branch}', { ...here, branch })
      const { commit: its, author, sha } = data.commit
      const [title = ''] = its.message.split('\n')
      return { sha, title, who: author?.login ?? its.author?.name ?? 'somebody' }
    },

    /** Nothing is deployed that is not part of the branch, whoever asks for it. */
    async isOnBranch(sha: string): Promise<boolean> {
      const basehead = `${branch}...${sha}`
      try {
        const { data } = await ask('GET /repos/{owner}/{repo}/compare/{basehead}', { ...here, basehead })
        return data.status === 'identical' || data.status === 'behind'
      } catch (error) {
        if (error instanceof RequestError && error.status === 404) return false
        throw error
      }
    },

    /** What failed on the commit itself has failed, whatever a pull request says. */
    async checks(sha: string): Promise<Verdict> {
      const verdict = await verdictOn(sha)
      return verdict === 'pending' && (await isGreenElsewhere(sha)) ? 'green' : verdict
    },

    /** The last deployments to our environment, newest first, whoever made them. */
    async deployments(): Promise<Deployment[]> {
      const last = { ...here, environment, per_page: PER_PAGE }
      const { data } = await ask('GET /repos/{owner}/{repo}/deployments', last)
      return data.map(({ id, sha, task, creator, description, payload }) => ({
        githubId: Number(id),
        sha,
        kind: task === 'rollback' ? 'rollback' : 'deploy',
        who: creator?.login ?? 'somebody',
        title: description ?? '',
        deployId: Ours.parse(payload).deploy,
      }))
    },

    /** Makes a Deployment for a deploy of ours. GitHub is not to look at checks nor to merge: we have looked. */
    async createDeployment({ id, sha, kind, title }: Deploy): Promise<number> {
      const { data } = await ask('POST /repos/{owner}/{repo}/deployments', {
        ...{ ...here, environment, ref: sha, task: kind, auto_merge: false, required_contexts: [] },
        description: title.slice(0, DESCRIPTION_MAX),
        payload: { deploy: id },
      })
      return Made.parse(data).id
    },

    async tell(deploymentId: number, deployId: number, { state, text }: DeployEvent): Promise<void> {
      await ask('POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
        ...here,
        deployment_id: deploymentId,
        state: GITHUB_STATE[state],
        description: text.slice(0, DESCRIPTION_MAX),
        log_url: `${url}/deploys/${deployId}`,
        environment,
        environment_url: siteUrl,
      })
    },
  }
}
