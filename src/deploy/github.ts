import { Octokit } from '@octokit/core'
import { RequestError } from '@octokit/request-error'
import { z } from 'zod'
import type { Deploy, DeployEvent, DeployState } from '../platform/deploy-store.ts'
import type { DeploySettings } from '../platform/deploy-config.ts'

/** GitHub has no more than 140 characters for what a status says. */
const DESCRIPTION_MAX = 140
const ANSWER_MS_MAX = 15_000
/** As many as GitHub puts on one page at most. */
const PER_PAGE = 100

/** What GitHub calls a deploy's state. */
const GITHUB_STATE: Record<
  DeployState,
  'pending' | 'queued' | 'in_progress' | 'success' | 'failure' | 'error' | 'inactive'
> = {
  received: 'pending',
  checks: 'pending',
  queued: 'queued',
  running: 'in_progress',
  verifying: 'in_progress',
  rolling_back: 'in_progress',
  success: 'success',
  failed: 'failure',
  rolled_back: 'failure',
  broken: 'error',
  superseded: 'inactive',
}

export interface Commit {
  sha: string
  title: string
  who: string
}

export interface Deployment {
  id: number
  sha: string
  kind: Deploy['kind']
  who: string
  title: string
  /** Which of our deploys made it. */
  deployId: number | undefined
}

/** What came of the required checks: green, not known yet, or what a person has to read. */
export type Verdict = 'green' | 'pending' | { failed: string }

/** How checks ended, by name; null while one runs. */
type Verdicts = ReadonlyMap<string, string | null>

/** It answers otherwise only where it was asked to merge. */
const Made = z.object({ id: z.number() })

export type GitHub = ReturnType<typeof createGitHub>

/** The few things that GitHub is asked and told about one repository. Whatever it does not do in 15 s has failed. */
export function createGitHub({ github, repository, environment, checks, url }: DeploySettings) {
  const { owner, repo, branch } = repository
  const octokit = new Octokit({
    auth: github.token,
    baseUrl: github.api,
    userAgent: 'manyhands-deploy',
    request: {
      fetch: (address: string, options: RequestInit) =>
        fetch(address, { ...options, signal: AbortSignal.timeout(ANSWER_MS_MAX) }),
    },
  })
  const here = { owner, repo }

  async function treeOf(sha: string): Promise<string> {
    const { data } = await octokit.request('GET /repos/{owner}/{repo}/git/commits/{commit_sha}', {
      ...here,
      commit_sha: sha,
    })
    return data.tree.sha
  }

  /** What check runs have said of a commit, by name: of several runs of one check, the newest. */
  async function runsOn(sha: string): Promise<Verdicts> {
    const runs = await allPages(async (page) => {
      const { data } = await octokit.request('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', {
        ...{ ...here, ref: sha, per_page: PER_PAGE, page },
      })
      return data.check_runs
    })
    // Ids grow with time, in whatever order runs are listed.
    runs.sort((one, other) => Number(one.id) - Number(other.id))
    return new Map(runs.map(({ name, conclusion }) => [name, conclusion]))
  }

  /** What classic statuses say of a commit, by name; GitHub lists only the newest of each. */
  async function statusesOn(sha: string): Promise<Verdicts> {
    const statuses = await allPages(async (page) => {
      const { data } = await octokit.request('GET /repos/{owner}/{repo}/commits/{ref}/status', {
        ...{ ...here, ref: sha, per_page: PER_PAGE, page },
      })
      return data.statuses
    })
    return new Map(statuses.map(({ context, state }) => [context, state === 'pending' ? null : state]))
  }

  /** A name that is both a check run's and a status's is green when both are. */
  async function verdictOn(sha: string): Promise<Verdict> {
    const both = await Promise.all([runsOn(sha), statusesOn(sha)])
    const said = checks.flatMap((name) => {
      const found = both.flatMap((verdicts) => (verdicts.has(name) ? [verdicts.get(name) ?? null] : []))
      return (found.length === 0 ? [null] : found).map((verdict) => ({ name, verdict }))
    })
    const red = said.find(({ verdict }) => verdict !== null && verdict !== 'success')
    if (red) return { failed: `The check “${red.name}” of ${sha.slice(0, 7)} ended with ${red.verdict}.` }
    return said.every(({ verdict }) => verdict === 'success') ? 'green' : 'pending'
  }

  /** Whether checks of a merged pull request's last commit count for what it became: they saw the same files. */
  async function isGreenElsewhere(sha: string): Promise<boolean> {
    const { data: pulls } = await octokit.request('GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls', {
      ...here,
      commit_sha: sha,
    })
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
      const { data } = await octokit.request('GET /repos/{owner}/{repo}/branches/{branch}', {
        ...here,
        branch,
      })
      const { commit, author, sha } = data.commit
      const [title = ''] = commit.message.split('\n')
      return { sha, title, who: author?.login ?? commit.author?.name ?? 'somebody' }
    },

    /** Nothing is deployed that is not part of the branch, whoever asks for it. */
    async isOnBranch(sha: string): Promise<boolean> {
      const basehead = `${branch}...${sha}`
      try {
        const { data } = await octokit.request('GET /repos/{owner}/{repo}/compare/{basehead}', {
          ...here,
          basehead,
        })
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
      const { data } = await octokit.request('GET /repos/{owner}/{repo}/deployments', {
        ...here,
        environment,
        per_page: 50,
      })
      return data.map(({ id, sha, task, creator, description, payload }) => ({
        id: Number(id),
        sha,
        kind: task === 'rollback' ? 'rollback' : 'deploy',
        who: creator?.login ?? 'somebody',
        title: description ?? '',
        deployId: deployIdIn(payload),
      }))
    },

    /** Makes a Deployment for a deploy of ours. GitHub is not to look at checks nor to merge: we have looked. */
    async createDeployment({ id, sha, kind, title }: Deploy): Promise<number> {
      const { data } = await octokit.request('POST /repos/{owner}/{repo}/deployments', {
        ...here,
        ref: sha,
        environment,
        task: kind,
        auto_merge: false,
        required_contexts: [],
        description: title.slice(0, DESCRIPTION_MAX),
        payload: { deploy: id },
      })
      return Made.parse(data).id
    },

    async tell(deploymentId: number, deployId: number, { state, text }: DeployEvent): Promise<void> {
      await octokit.request('POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
        ...here,
        deployment_id: deploymentId,
        state: GITHUB_STATE[state],
        description: text.slice(0, DESCRIPTION_MAX),
        log_url: `${url}/deploys/${deployId}`,
        environment,
      })
    },
  }
}

/** @param get gives one page, counted from 1. */
async function allPages<T>(get: (page: number) => Promise<T[]>): Promise<T[]> {
  const all: T[] = []
  for (let page = 1; ; page += 1) {
    const some = await get(page)
    all.push(...some)
    if (some.length < PER_PAGE) return all
  }
}

function deployIdIn(payload: unknown): number | undefined {
  if (typeof payload !== 'object' || payload === null || !('deploy' in payload)) return undefined
  return typeof payload.deploy === 'number' ? payload.deploy : undefined
}
