import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { parseVariables } from './config.ts'

const text = z.string().min(1)
const list = text.transform((value) => value.split(',').map((part) => part.trim()))
const seconds = z.coerce.number().positive()
const web = z.url({ protocol: /^https?$/, error: 'is no address such as https://deploy.example.org' })
/** One that paths are put behind. */
const base = web.transform((address) => address.replace(/\/+$/, ''))

/** A text that holds JSON of this shape. */
function json<T extends z.ZodType>(shape: T, error: string) {
  return text.transform((value, context): z.output<T> => {
    const parsed = shape.safeParse(parseJson(value))
    if (parsed.success) return parsed.data
    context.addIssue({ code: 'custom', message: error })
    return z.NEVER
  })
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

const Variables = z.object({
  DEPLOY_DATA_DIR: text.default('.data/deploy'),
  ASSETS_DIR: text.optional(),
  DEPLOY_HOST: text.default('127.0.0.1'),
  DEPLOY_PORT: z.coerce.number().int().min(0).max(65535).default(3900),
  DEPLOY_URL: base,
  DEPLOY_SITE_URL: base,
  DEPLOY_REPOSITORY: text.regex(/^[\w.-]+\/[\w.-]+$/, 'is no repository such as owner/name'),
  DEPLOY_REPOSITORY_ID: z.coerce.number().int().positive(),
  DEPLOY_BRANCH: text.default('main'),
  DEPLOY_ENVIRONMENT: text.regex(/^[\w.-]+$/, 'is no name such as production').default('production'),
  DEPLOY_WEBHOOK_SECRETS: list.refine(
    (all) => all.length <= 2 && all.every(({ length }) => length >= 16),
    'is one secret or, while it is changed, two with a comma between; each has at least 16 characters',
  ),
  DEPLOY_GITHUB_TOKEN: text,
  DEPLOY_GITHUB_API: base.default('https://api.github.com'),
  DEPLOY_GIT_URL: z.url().optional(),
  DEPLOY_CHECKS: list,
  DEPLOY_COMMAND: json(
    z.tuple([text], z.string()),
    'is no JSON list of a program and its arguments, such as ["ansible-playbook", "-i", "ansible/inventories/ha"]',
  ),
  DEPLOY_OPERATORS: json(
    z.record(z.string().regex(/^[\w.@-]+$/), z.string().startsWith('$argon2')),
    'is no JSON object of names with their hashes from “npm run manyhands -- deploy-password”',
  ),
  DEPLOY_CHAT_URL: web.optional(),
  DEPLOY_CHAT_TOKEN: text.optional(),
  DEPLOY_CHAT_CHANNEL: text.optional(),
  DEPLOY_SECRET_FILES: list.default([]),
  DEPLOY_RUN_SECONDS: seconds.default(20 * 60),
  DEPLOY_CHECKS_SECONDS: seconds.default(30 * 60),
  DEPLOY_POLL_SECONDS: seconds.default(1),
  DEPLOY_AGAIN_SECONDS: seconds.default(10),
  DEPLOY_LOOK_SECONDS: seconds.default(600),
  TRUST_PROXY: z.enum(['on', 'off']).default('off'),
  LOG_LEVEL: text.default('info'),
})

/** What the deploy server is told: one repository, one branch, one environment. */
export type DeploySettings = ReturnType<typeof loadDeploySettings>

/** @throws Error naming every setting that is missing or wrong. */
export function loadDeploySettings(env: Readonly<Record<string, string | undefined>>) {
  const v = parseVariables(Variables, env)
  const [owner = '', repo = ''] = v.DEPLOY_REPOSITORY.split('/')
  const gitUrl = v.DEPLOY_GIT_URL ?? `https://github.com/${owner}/${repo}.git`
  // What git sends as a password; it stands in the log of a failing fetch when git is asked to be wordy.
  const gitAuthorization = Buffer.from(`x-access-token:${v.DEPLOY_GITHUB_TOKEN}`).toString('base64')
  return {
    url: v.DEPLOY_URL,
    siteUrl: v.DEPLOY_SITE_URL,
    host: v.DEPLOY_HOST,
    port: v.DEPLOY_PORT,
    trustProxy: v.TRUST_PROXY === 'on',
    folder: resolve(v.DEPLOY_DATA_DIR),
    assets: resolve(v.ASSETS_DIR ?? `${v.DEPLOY_DATA_DIR}/assets`),
    environment: v.DEPLOY_ENVIRONMENT,
    repository: { owner, repo, id: v.DEPLOY_REPOSITORY_ID, branch: v.DEPLOY_BRANCH },
    github: { api: v.DEPLOY_GITHUB_API, token: v.DEPLOY_GITHUB_TOKEN },
    git: { url: gitUrl, environment: gitEnvironment(gitUrl, v.DEPLOY_GITHUB_API, gitAuthorization) },
    webhookSecrets: v.DEPLOY_WEBHOOK_SECRETS,
    checks: v.DEPLOY_CHECKS,
    command: v.DEPLOY_COMMAND,
    operators: v.DEPLOY_OPERATORS,
    chat:
      v.DEPLOY_CHAT_URL === undefined
        ? undefined
        : { url: v.DEPLOY_CHAT_URL, token: v.DEPLOY_CHAT_TOKEN, channel: v.DEPLOY_CHAT_CHANNEL },
    runMs: v.DEPLOY_RUN_SECONDS * 1000,
    checksMs: v.DEPLOY_CHECKS_SECONDS * 1000,
    pollMs: v.DEPLOY_POLL_SECONDS * 1000,
    againMs: v.DEPLOY_AGAIN_SECONDS * 1000,
    lookMs: v.DEPLOY_LOOK_SECONDS * 1000,
    logLevel: v.LOG_LEVEL,
    /** Whatever must never be read in a log, a status or a message. */
    secrets: [
      ...[...v.DEPLOY_WEBHOOK_SECRETS, v.DEPLOY_GITHUB_TOKEN, gitAuthorization, v.DEPLOY_CHAT_TOKEN ?? ''],
      // An incoming webhook of a chat has its secret in its path.
      v.DEPLOY_CHAT_URL === undefined ? '' : new URL(v.DEPLOY_CHAT_URL).pathname,
      ...Object.values(v.DEPLOY_OPERATORS),
      ...v.DEPLOY_SECRET_FILES.flatMap((file) => readFileSync(file, 'utf8').split('\n')),
    ],
  }
}

/** By the environment, where no list of processes shows it: what git sends to get at a private repository. */
function gitEnvironment(url: string, api: string, authorization: string): NodeJS.ProcessEnv {
  const never = { GIT_TERMINAL_PROMPT: '0' }
  if (!isGitHub(url, api)) return never
  return {
    ...never,
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `http.${url}.extraHeader`,
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${authorization}`,
  }
}

/** Whether the token may be sent there: to where it is sent anyway, the API, or the site that the API belongs to. */
function isGitHub(url: string, api: string): boolean {
  const { protocol, host } = new URL(api)
  const to = new URL(url)
  return to.protocol === protocol && [host, host.replace(/^api\./, '')].includes(to.host)
}
