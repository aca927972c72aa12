import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import type { S3Settings } from './s3.ts'

const text = z.string().min(1)
const port = z.coerce.number().int().min(0).max(65535)
const flag = z.enum(['on', 'off']).transform((value) => value === 'on')

const Key = z.object({
  id: text,
  key: z.base64url().refine((key) => Buffer.from(key, 'base64url').length === 32),
})

const database = z.url({
  protocol: /^postgres(ql)?$/,
  error: 'is no address of a PostgreSQL server, such as postgres://user:password@host:5432/database',
})

const redis = z.url({
  protocol: /^(rediss?|unix)$/,
  error: 'is no address of a Redis, such as redis://host:6379, rediss://host or unix:///path/to/socket',
})

const NO_ORIGIN =
  'is no origin such as https://p{id}.example.org: http or https, a host, perhaps a port, and nothing behind it'
const originPattern = text.refine(isOriginPattern, NO_ORIGIN)

/** Either an address, or the sentinels that know it ("host:port,host:port"), the master's name, and the passwords of both. */
const redisVariables = (name: 'CACHE' | 'QUEUE') => ({
  [`REDIS_${name}_URL`]: redis.optional(),
  [`REDIS_${name}_SENTINELS`]: text.optional(),
  [`REDIS_${name}_MASTER`]: text.default(name.toLowerCase()),
  [`REDIS_${name}_PASSWORD`]: text.optional(),
  [`REDIS_${name}_SENTINEL_PASSWORD`]: text.optional(),
})

/** Names of jobs, each with how many of them run at once where that is said. */
const WORKER_JOBS = /^ *[a-z-]+(:[1-9]\d?)? *(, *[a-z-]+(:[1-9]\d?)? *)*$/

const Variables = z.object({
  DATA_DIR: text.default('.data'),
  HOST: text.default('127.0.0.1'),
  PORT: port.default(3000),
  SITE_URL: z.url().optional(),
  MEDIA_URL: z
    .url({ protocol: /^https?$/, error: 'is no address such as https://media.example.org' })
    .optional(),
  STATIC_URL: z
    .url({ protocol: /^https?$/, error: 'is no address such as https://static.example.org' })
    .optional(),
  SITE_NAME: text.default('Manyhands'),
  PRESENTER_ORIGIN: originPattern.optional(),
  OLD_NAMES: flag.default(true),
  TRUST_PROXY: flag.default(false),
  PORT_SHARED: flag.default(false),
  DRAIN_SECONDS: z.coerce.number().min(0).max(25).default(15),
  DATABASE_WRITE_URL: database,
  DATABASE_READ_URL: database.optional(),
  DATABASE_DIRECT_URL: database.optional(),
  DATABASE_POOL_MAX: z.coerce.number().int().min(1).max(200).default(10),
  DATABASE_POOL_LIFETIME_SECONDS: z.coerce.number().positive().max(86_400).default(180),
  DATABASE_HAS_REPLICAS: flag.optional(),
  DATABASE_TRUSTED_LAG_SECONDS: z.coerce.number().min(0).max(3_600).default(60),
  ...redisVariables('CACHE'),
  ...redisVariables('QUEUE'),
  REDIS_CACHE_READ_URL: redis.optional(),
  REDIS_PREFIX: text.default('manyhands'),
  APP_KEYS: text.optional(),
  APP_KEYS_FILE: text.optional(),
  MAIL_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  MAIL_FROM: text.default('Manyhands <no-reply@localhost>'),
  MAIL_BOUNCES_TO: z.email().optional(),
  MAIL_BOUNCES_URL: z
    .url({
      protocol: /^imaps?$/,
      error: 'is no address of a mailbox, such as imaps://user:password@host/INBOX',
    })
    .optional(),
  MAIL_EVENTS_SECRET: text.min(16, 'has at least 16 characters').optional(),
  MAILGUN_SIGNING_KEY: text.optional(),
  SIGN_IN_CODES: flag.default(false),
  MAIL_LIMIT: z
    .union([
      z.literal('off'),
      z.string().regex(/^[1-9]\d*\/[1-9]\d*$/, 'is "off" or "mails/seconds", e.g. 30/3600'),
    ])
    .default('30/3600'),
  MAIL_REFUSED_DOMAINS: z
    .string()
    .regex(/^[\w.-]+([\s,]+[\w.-]+)*$/, 'is a list such as "throwaway.example, spam.example"')
    .optional(),
  RATE_LIMIT: z
    .union([
      z.literal('off'),
      z
        .string()
        .regex(
          /^[1-9]\d*\/[1-9]\d*(, *[a-z]+=[1-9]\d*\/[1-9]\d*)*$/,
          'is "off" or "requests/seconds" with exceptions behind it, e.g. 300/900,newtask=1000/900',
        ),
    ])
    .default('300/900'),
  UPLOAD_EXTENSIONS: text
    .regex(/^[a-z0-9]+([\s,]+[a-z0-9]+)*$/i, 'is a list such as "png jpg", without dots')
    .default('js css png jpg jpeg gif zip'),
  UPLOAD_MB_MAX: z.coerce.number().int().min(1).max(10_000).default(16),
  GOOGLE_SHEETS_URL: z.url({ protocol: /^https?$/ }).default('https://docs.google.com'),
  IMPORT_MB_MAX: z.coerce.number().int().min(1).max(100_000).default(500),
  UPLOAD_RESUMABLE_MB_MAX: z.coerce.number().int().min(1).max(100_000).default(1_000),
  PRIVATE_ADDRESSES: text.optional(),
  INACTIVE_ACCOUNT_DAYS: z.coerce.number().int().min(90).max(10_000).optional(),
  WORKER_JOBS: text.regex(WORKER_JOBS, 'is no list such as send-mail:10,export-project').optional(),
  METRICS_TOKEN: z.string().min(16, 'is too short to be a secret: use at least 16 characters').optional(),
  METRICS_LOOPBACK: flag.default(false),
  METRICS_PORT: port.optional(),
  FILES_DIR: text.optional(),
  S3_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'is no address such as https://s3.example.org' })
    .optional(),
  S3_REGION: text.default('us-east-1'),
  S3_BUCKET: text.regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is no name of a bucket').optional(),
  S3_KEY: text.optional(),
  S3_SECRET: text.optional(),
  S3_PATH_STYLE: flag.optional(),
  ASSETS_DIR: text.optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  LOG_BUFFER_MB: z.coerce.number().int().min(0).max(100).default(0),
  TEMPLATES_WATCH: flag.default(false),
})

export type RedisEndpoint =
  | { kind: 'address'; url: string }
  | {
      kind: 'sentinels'
      sentinels: { host: string; port: number }[]
      sentinelPassword?: string
      master: string
      password?: string
    }

export interface AppKey {
  id: string
  /** 32 bytes. */
  key: Buffer
}

/** So many requests in a window of so many seconds. */
export interface RateLimit {
  readonly requests: number
  readonly seconds: number
}

/** What holds for every group of routes, and what for some by their name instead. */
export interface RateLimits extends RateLimit {
  readonly groups: ReadonlyMap<string, RateLimit>
}

/** Every setting of every process, grouped by who reads it. Read once, never changed. */
export interface Config {
  readonly site: {
    readonly name: string
    readonly url: string
    /** Where files that people sent are fetched from: the site, or a CDN in front of it. */
    readonly mediaUrl: string
    /** Where pages load styles, scripts and fonts from, when that is not the site: a CDN in front of its /static. */
    readonly staticUrl: string | undefined
    readonly presenterOrigin: string
    /** PyBossa's words from before 1.0 are understood. */
    readonly hasOldNames: boolean
  }
  readonly http: {
    readonly host: string
    readonly port: number
    /** Other processes of this host listen on the same port, and the system spreads connections over them. */
    readonly isPortShared: boolean
    readonly trustProxy: boolean
    /** How long a process that is to end waits for the proxies that ask whether it is ready to hear of it. */
    readonly drainSeconds: number
  }
  readonly database: {
    readonly writeUrl: string
    readonly readUrl: string
    readonly directUrl: string
    readonly poolMax: number
    /** How long a connection is used: a replica that comes back gets its share once they have been renewed. */
    readonly poolLifetimeSeconds: number
    /** How far behind a replica may be that says who somebody is, while the primary is away. */
    readonly trustedLagSeconds: number
    /**
     * Reads go to servers that may be behind; false when both pools lead to the same server. Behind a balancer both
     * addresses differ even then.
     */
    readonly hasReplicas: boolean
  }
  readonly redis: {
    readonly cache: RedisEndpoint
    /** The replica of the cache on this host, for reads that may miss the last moment. */
    readonly cacheReads: RedisEndpoint | undefined
    readonly queue: RedisEndpoint
    readonly prefix: string
  }
  readonly secrets: {
    readonly appKeys: readonly AppKey[]
    /** What signs events about mails, in our own form and Mailgun's; undefined when none are taken. */
    readonly mailEvents: string | undefined
    readonly mailgun: string | undefined
  }
  readonly mail: {
    readonly smtpUrl: string | undefined
    readonly from: string
    /** Where mail servers send their reports of mails that could not be delivered, when not to `from`. */
    readonly bouncesTo: string | undefined
    /** The mailbox to which they come, by IMAP. */
    readonly bouncesUrl: string | undefined
    /** So many mails to one address; undefined lifts the limit. */
    readonly limit: RateLimit | undefined
    /** In small letters: addresses there, and below, get no account and no mail. */
    readonly refusedDomains: readonly string[]
  }
  /** Undefined lifts the limits. */
  readonly rateLimit: RateLimits | undefined
  /** Files that come in through the API: how their names may end, in small letters, and how large they may be. */
  readonly uploads: {
    readonly extensions: readonly string[]
    readonly bytesMax: number
    /** The largest file that may come in pieces, whatever it is for. */
    readonly resumableBytesMax: number
  }
  /** Lists of tasks, sent or fetched; and where sheets of Google are. */
  readonly imports: { readonly bytesMax: number; readonly googleUrl: string }
  /** Private addresses or networks that addresses given by people may lead to all the same. */
  readonly web: { readonly privateAddresses: readonly string[] }
  /** Days without a visit after which people are warned that their accounts will be deleted; undefined keeps them. */
  readonly accounts: {
    readonly inactiveDays: number | undefined
    /** Who signs in by a password is asked for a code from their mail as well. */
    readonly hasSignInCodes: boolean
  }
  /** The bucket that files are kept in instead of a folder. */
  readonly s3: S3Settings | undefined
  /** The jobs that a worker takes, each with how many run at once, where that is not the job's own; undefined for all. */
  readonly jobs: { readonly only: ReadonlyMap<string, number | undefined> | undefined }
  readonly metrics: {
    readonly token: string | undefined
    readonly isOpenToLoopback: boolean
    /** Where processes that serve nothing else tell their figures; undefined when they do not. */
    readonly port: number | undefined
  }
  readonly folders: { readonly data: string; readonly files: string; readonly assets: string }
  readonly log: { readonly level: string; readonly bufferBytes: number }
  readonly templates: { readonly watch: boolean }
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The configuration of a process from its environment variables.
 *
 * @throws Error naming every variable that is missing or wrong at once, before anything connects.
 */
export function loadConfig(env: Environment): Config {
  const v = parseVariables(Variables, env)
  const data = resolve(v.DATA_DIR)
  const url = (v.SITE_URL ?? `http://localhost:${v.PORT}`).replace(/\/+$/, '')
  const readUrl = v.DATABASE_READ_URL ?? v.DATABASE_WRITE_URL
  return {
    site: {
      name: v.SITE_NAME,
      url,
      mediaUrl: v.MEDIA_URL?.replace(/\/+$/, '') ?? url,
      staticUrl: v.STATIC_URL?.replace(/\/+$/, ''),
      presenterOrigin: (v.PRESENTER_ORIGIN ?? `http://p{id}.presenter.localhost:${v.PORT}`).replace(
        /\/+$/,
        '',
      ),
      hasOldNames: v.OLD_NAMES,
    },
    http: {
      host: v.HOST,
      port: v.PORT,
      isPortShared: v.PORT_SHARED,
      trustProxy: v.TRUST_PROXY,
      drainSeconds: v.DRAIN_SECONDS,
    },
    database: {
      writeUrl: v.DATABASE_WRITE_URL,
      readUrl,
      directUrl: v.DATABASE_DIRECT_URL ?? v.DATABASE_WRITE_URL,
      poolMax: v.DATABASE_POOL_MAX,
      poolLifetimeSeconds: v.DATABASE_POOL_LIFETIME_SECONDS,
      trustedLagSeconds: v.DATABASE_TRUSTED_LAG_SECONDS,
      hasReplicas: v.DATABASE_HAS_REPLICAS ?? serverOf(readUrl) !== serverOf(v.DATABASE_WRITE_URL),
    },
    redis: {
      cache: redisEndpoint('CACHE', env),
      cacheReads: v.REDIS_CACHE_READ_URL ? { kind: 'address', url: v.REDIS_CACHE_READ_URL } : undefined,
      queue: redisEndpoint('QUEUE', env),
      prefix: v.REDIS_PREFIX,
    },
    secrets: {
      appKeys: appKeys(v.APP_KEYS, v.APP_KEYS_FILE),
      mailEvents: v.MAIL_EVENTS_SECRET,
      mailgun: v.MAILGUN_SIGNING_KEY,
    },
    mail: {
      smtpUrl: v.MAIL_URL,
      from: v.MAIL_FROM,
      bouncesTo: v.MAIL_BOUNCES_TO,
      bouncesUrl: v.MAIL_BOUNCES_URL,
      limit: v.MAIL_LIMIT === 'off' ? undefined : oneLimit(v.MAIL_LIMIT),
      refusedDomains: v.MAIL_REFUSED_DOMAINS?.toLowerCase().split(/[\s,]+/) ?? [],
    },
    rateLimit: rateLimit(v.RATE_LIMIT),
    uploads: {
      extensions: v.UPLOAD_EXTENSIONS.toLowerCase().split(/[\s,]+/),
      bytesMax: v.UPLOAD_MB_MAX * 1024 * 1024,
      resumableBytesMax: v.UPLOAD_RESUMABLE_MB_MAX * 1024 * 1024,
    },
    imports: { bytesMax: v.IMPORT_MB_MAX * 1024 * 1024, googleUrl: v.GOOGLE_SHEETS_URL },
    web: { privateAddresses: v.PRIVATE_ADDRESSES?.split(/[\s,]+/) ?? [] },
    accounts: { inactiveDays: v.INACTIVE_ACCOUNT_DAYS, hasSignInCodes: hasSignInCodes(v) },
    s3: s3Settings(v),
    jobs: { only: v.WORKER_JOBS === undefined ? undefined : workerJobs(v.WORKER_JOBS) },
    metrics: { token: v.METRICS_TOKEN, isOpenToLoopback: v.METRICS_LOOPBACK, port: v.METRICS_PORT },
    folders: {
      data,
      files: resolve(v.FILES_DIR ?? `${data}/files`),
      assets: resolve(v.ASSETS_DIR ?? `${data}/assets`),
    },
    log: { level: v.LOG_LEVEL, bufferBytes: v.LOG_BUFFER_MB * 1_048_576 },
    templates: { watch: v.TEMPLATES_WATCH },
  }
}

/**
 * Checks the settings that are given, where others are still to come.
 *
 * @throws Error naming every one that is wrong.
 */
export function checkGiven(env: Environment): void {
  parseVariables(Variables.partial(), env)
}

export function parseVariables<T extends z.ZodType>(schema: T, env: Environment): z.output<T> {
  const parsed = schema.safeParse(withoutEmpty(env))
  if (parsed.success) return parsed.data
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`These settings are missing or wrong:\n${lines.join('\n')}`)
}

/** An empty variable counts as one that is not set. */
function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
}

/** Whether this is an origin once `{id}`, where it stands, is a number. */
function isOriginPattern(pattern: string): boolean {
  const url = URL.parse(pattern.replace('{id}', '1'))
  if (!url || !/^https?:$/.test(url.protocol)) return false
  // Nothing but scheme, host and port: path, query, password and further braces are part of no origin.
  return url.href === `${url.origin}/` && /^[\w.:[\]-]+$/.test(url.host)
}

/** A database URL without role and password: what tells two servers (or poolers) apart. */
function serverOf(url: string): string {
  const { protocol, host, pathname, searchParams } = new URL(url)
  return [protocol, host, pathname, searchParams.get('host'), searchParams.get('port')].join(' ')
}

function redisEndpoint(name: 'CACHE' | 'QUEUE', env: Environment): RedisEndpoint {
  const sentinels = env[`REDIS_${name}_SENTINELS`]
  const password = env[`REDIS_${name}_PASSWORD`]
  const sentinelPassword = env[`REDIS_${name}_SENTINEL_PASSWORD`]
  if (sentinels) {
    return {
      kind: 'sentinels',
      ...(password ? { password } : {}),
      ...(sentinelPassword ? { sentinelPassword } : {}),
      master: env[`REDIS_${name}_MASTER`] ?? name.toLowerCase(),
      sentinels: sentinels.split(',').map((address) => {
        const [host = '', sentinelPort = '26379'] = address.trim().split(':')
        return { host, port: Number(sentinelPort) }
      }),
    }
  }
  const url = env[`REDIS_${name}_URL`]
  if (!url)
    throw new Error(
      `These settings are missing or wrong:\n  REDIS_${name}_URL or REDIS_${name}_SENTINELS: required`,
    )
  return { kind: 'address', url }
}

/** Where no mail leaves, its reader would have to sign in to read the code. */
function hasSignInCodes({ SIGN_IN_CODES: isOn, MAIL_URL: url }: z.output<typeof Variables>): boolean {
  if (isOn && url === undefined)
    throw new Error('These settings are missing or wrong:\n  SIGN_IN_CODES: needs MAIL_URL')
  return isOn
}

/** Nothing without a bucket; with one, what it needs. */
function s3Settings(v: z.output<typeof Variables>): S3Settings | undefined {
  const given = (['S3_ENDPOINT', 'S3_BUCKET', 'S3_KEY', 'S3_SECRET'] as const).filter((name) => v[name])
  if (given.length === 0) return undefined
  const { S3_ENDPOINT: endpoint, S3_BUCKET: bucket, S3_KEY: key, S3_SECRET: secret } = v
  if (bucket === undefined || key === undefined || secret === undefined)
    throw new Error(
      `These settings are missing or wrong:\n  S3_BUCKET, S3_KEY and S3_SECRET: all are required, and only ${given.join(', ')} is set`,
    )
  const isPathStyle = v.S3_PATH_STYLE ?? endpoint !== undefined
  return { endpoint, region: v.S3_REGION, bucket, key, secret, isPathStyle }
}

export function appKeys(list: string | undefined, file: string | undefined): AppKey[] {
  const json = list ?? (file === undefined ? undefined : readFileSync(file, 'utf8'))
  if (json === undefined)
    throw new Error('These settings are missing or wrong:\n  APP_KEYS or APP_KEYS_FILE: required')
  const parsed = z.array(Key).min(1).safeParse(JSON.parse(json))
  if (!parsed.success) {
    throw new Error('APP_KEYS is a JSON list of {"id", "key"}, newest first; a key is 32 bytes in base64url.')
  }
  return parsed.data.map(({ id, key }) => ({ id, key: Buffer.from(key, 'base64url') }))
}

function workerJobs(list: string): Map<string, number | undefined> {
  return new Map(
    list.split(',').map((entry) => {
      const [name = '', atOnce] = entry.trim().split(':')
      return [name, atOnce === undefined ? undefined : Number(atOnce)]
    }),
  )
}

function rateLimit(value: string): RateLimits | undefined {
  if (value === 'off') return undefined
  const [rest = '', ...named] = value.split(/, */)
  const groups = named.map((text): [string, RateLimit] => {
    const [name = '', limit = ''] = text.split('=')
    return [name, oneLimit(limit)]
  })
  return { ...oneLimit(rest), groups: new Map(groups) }
}

function oneLimit(text: string): RateLimit {
  const [requests = '', seconds = ''] = text.split('/')
  return { requests: Number(requests), seconds: Number(seconds) }
}
