import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { json } from 'node:stream/consumers'
import { z } from 'zod'
import type { Ending } from './servers.ts'

/** The repository of Octokit's recorded payloads. */
export const REPOSITORY = { name: 'Codertocat/Hello-World', id: 186853002, branch: 'master' }

interface Deployment {
  id: number
  sha: string
  ref: string
  environment: string
  task: string
  description: string | null
  payload: unknown
  creator: { login: string } | null
}

interface Status {
  /** When it came, in milliseconds since 1970. */
  at: number
  deployment: number
  state: string
  description: string
  log_url: string
  environment_url: string
}

type Answer = [status: number, body: unknown]

/** What GitHub takes for a deployment's status. */
const NewStatus = z.strictObject({
  state: z.enum(['error', 'failure', 'inactive', 'in_progress', 'queued', 'pending', 'success']),
  description: z.string().max(140),
  log_url: z.url(),
  environment_url: z.url(),
  environment: z.string(),
})

/** What it takes for a deployment; one that may be merged, or waits for checks, is refused. */
const NewDeployment = z.strictObject({
  ref: z.string(),
  task: z.string(),
  description: z.string().max(140),
  payload: z.unknown(),
  environment: z.string(),
  auto_merge: z.literal(false),
  required_contexts: z.array(z.never()).length(0),
})

/**
 * A server that speaks GitHub's API as far as the deploy server uses it, over a real git repository; commits, trees and
 * their order are what git says.
 */
export class FakeGitHub {
  readonly folder: string
  readonly deployments: Deployment[] = []
  readonly statuses: Status[] = []
  readonly requests: { line: string; authorization: string }[] = []
  /** By commit: the runs of checks, with null as the conclusion of one that runs. */
  readonly runs = new Map<string, { id: number; name: string; conclusion: string | null }[]>()
  /** Classic statuses, by commit. */
  readonly contexts = new Map<string, { context: string; state: string }[]>()
  /** The pull requests that a commit belongs to, merged into the branch unless said otherwise, by their heads. */
  readonly pulls = new Map<string, { head: string; base?: string; isOpen?: boolean }[]>()
  /** Requests whose line fits get this status instead of an answer. */
  readonly failing: { line: RegExp; status: number }[] = []
  private readonly held: { line: RegExp; hasCome: () => void; until: Promise<undefined> }[] = []
  /** Whether whoever commits has an account at GitHub. */
  hasAccount = true
  /** Whether whoever commits has a name. */
  hasName = true
  url = ''

  private constructor(folder: string) {
    this.folder = folder
  }

  /** @param host the address at which it listens */
  static async start(t: Ending, folder: string, host = '127.0.0.1'): Promise<FakeGitHub> {
    const github = new FakeGitHub(folder)
    mkdirSync(folder, { recursive: true })
    github.git('init', '--quiet', `--initial-branch=${REPOSITORY.branch}`)
    github.git('config', 'uploadpack.allowAnySHA1InWant', 'true')
    const server = createServer((request, response) => void github.answer(request, response))
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    github.url = `http://${host}:${(server.address() as AddressInfo).port}`
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    return github
  }

  git(...args: string[]): string {
    const identity = ['-c', 'user.name=Octo Cat', '-c', 'user.email=octo@example.org']
    return execFileSync('git', [...identity, ...args], { cwd: this.folder, encoding: 'utf8' }).trim()
  }

  /** A commit on the branch that is checked out. */
  commit(message: string, files: Record<string, string>): string {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true })
      writeFileSync(join(this.folder, name), text)
    }
    this.git('add', '.')
    this.git('commit', '--quiet', '--allow-empty', '-m', message)
    return this.git('rev-parse', 'HEAD')
  }

  /** Says how a new run of a check of a commit ended; null while it runs. The newest is listed first. */
  check(sha: string, conclusion: string | null, name = 'ci'): void {
    const runs = this.runs.get(sha) ?? []
    this.runs.set(sha, [{ id: runs.length + 1, name, conclusion }, ...runs])
  }

  /** Somebody asks for a deployment by hand. */
  deploy(sha: string, more: Partial<Deployment> = {}): Deployment {
    const deployment: Deployment = {
      id: 1_000 + this.deployments.length,
      ...{ sha, ref: sha, environment: 'production', task: 'deploy', description: 'By hand', payload: {} },
      creator: { login: 'Codertocat' },
      ...more,
    }
    this.deployments.push(deployment)
    return deployment
  }

  /** Answers requests whose line fits not before they are let go. */
  hold(line: RegExp): { come: Promise<undefined>; letGo: () => void } {
    const come = Promise.withResolvers<undefined>()
    const until = Promise.withResolvers<undefined>()
    const fulfil = ({ resolve }: typeof come) => {
      return () => {
        resolve(undefined)
      }
    }
    this.held.push({ line, hasCome: fulfil(come), until: until.promise })
    return { come: come.promise, letGo: fulfil(until) }
  }

  statesOf(deployment: number): string[] {
    return this.statuses.filter((status) => status.deployment === deployment).map(({ state }) => state)
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = `${request.method ?? ''} ${request.url ?? ''}`
    this.requests.push({ line, authorization: request.headers.authorization ?? '' })
    const body = request.method === 'POST' ? ((await json(request)) as Record<string, unknown>) : {}
    const held = this.held.find((one) => one.line.test(line))
    held?.hasCome()
    await held?.until
    const failing = this.failing.find((one) => one.line.test(line))
    const [status, content] = failing
      ? [failing.status, { message: 'Failing on purpose' }]
      : this.route(line, body)
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(content))
  }

  private route(line: string, body: Record<string, unknown>): Answer {
    const [method = '', path = ''] = line.split(' ')
    const rest = decodeURIComponent(path.split('?')[0] ?? '').replace(`/repos/${REPOSITORY.name}`, '')
    const routes: [RegExp, (...parts: string[]) => Answer][] = [
      [/^GET \/branches\/(.+)$/, (branch) => this.branch(branch)],
      [
        /^GET \/git\/commits\/(\w+)$/,
        (sha) => [200, { sha, tree: { sha: this.git('rev-parse', `${sha}^{tree}`) } }],
      ],
      [
        /^GET \/commits\/(\w+)\/pulls$/,
        (sha) => [200, pageOf((this.pulls.get(sha) ?? []).map(pullOf), path)],
      ],
      [/^GET \/commits\/(\w+)\/check-runs$/, (sha) => this.checkRuns(sha, path)],
      [
        /^GET \/commits\/(\w+)\/status$/,
        (sha) => [200, { statuses: pageOf(this.contexts.get(sha) ?? [], path) }],
      ],
      [/^GET \/compare\/(.+)\.\.\.(\w+)$/, (base, head) => this.compare(base, head)],
      [/^GET \/deployments$/, () => [200, this.list(path)]],
      [/^POST \/deployments$/, () => this.create(body)],
      [/^POST \/deployments\/(\d+)\/statuses$/, (id) => this.status(Number(id), body)],
    ]
    for (const [pattern, give] of routes) {
      const found = pattern.exec(`${method} ${rest}`)
      if (found) return give(...found.slice(1))
    }
    return [404, { message: 'Not Found' }]
  }

  private branch(branch = ''): Answer {
    // Who asks before the first commit is told so.
    const sha = this.git('for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`)
    if (sha === '') return [404, { message: 'Branch not found' }]
    const message = this.git('log', '-1', '--format=%B', sha)
    return [
      200,
      {
        name: branch,
        commit: {
          sha,
          commit: { message, author: this.hasName ? { name: 'Octo Cat' } : null },
          author: this.hasAccount ? { login: 'octocat' } : null,
        },
      },
    ]
  }

  private checkRuns(sha = '', path: string): Answer {
    const runs = this.runs.get(sha) ?? []
    return [200, { total_count: runs.length, check_runs: pageOf(runs, path) }]
  }

  private compare(base = '', head = ''): Answer {
    try {
      const [, behind = '0'] = this.git('rev-list', '--left-right', '--count', `${head}...${base}`).split(
        '\t',
      )
      const [ahead = '0'] = this.git('rev-list', '--left-right', '--count', `${head}...${base}`).split('\t')
      if (ahead !== '0') return [200, { status: behind === '0' ? 'ahead' : 'diverged' }]
      return [200, { status: behind === '0' ? 'identical' : 'behind' }]
    } catch {
      return [404, { message: 'Not Found' }]
    }
  }

  /** The newest first, of one environment when it is named. */
  private list(path: string): Deployment[] {
    const environment = new URL(path, this.url).searchParams.get('environment')
    const fits = (one: Deployment) => environment === null || one.environment === environment
    return pageOf(this.deployments.filter(fits).reverse(), path)
  }

  private create(body: Record<string, unknown>): Answer {
    const asked = NewDeployment.safeParse(body)
    if (!asked.success) return [409, { message: 'Conflict' }]
    const { ref, auto_merge: _, required_contexts: __, ...more } = asked.data
    return [201, this.deploy(ref, { ...more, creator: { login: 'deploy-bot' } })]
  }

  private status(id: number, body: Record<string, unknown>): Answer {
    const deployment = this.deployments.find((one) => one.id === id)
    if (!deployment) return [404, { message: 'Not Found' }]
    const asked = NewStatus.safeParse(body)
    if (!asked.success || asked.data.environment !== deployment.environment)
      return [422, { message: 'Validation Failed' }]
    const { environment: _, ...status } = asked.data
    this.statuses.push({ at: Date.now(), deployment: id, ...status })
    return [201, {}]
  }
}

function pullOf({
  head,
  base = REPOSITORY.branch,
  isOpen = false,
}: {
  head: string
  base?: string
  isOpen?: boolean
}) {
  return { head: { sha: head }, base: { ref: base }, merged_at: isOpen ? null : '2026-01-01T00:00:00Z' }
}

/** The part of a list that a request asks for, as GitHub counts: at most a hundred on a page. */
function pageOf<T>(list: readonly T[], path: string): T[] {
  const { searchParams } = new URL(path, 'https://api.github.com')
  const size = Math.min(100, Number(searchParams.get('per_page') ?? 30))
  const start = (Number(searchParams.get('page') ?? 1) - 1) * size
  return list.slice(start, start + size)
}
