import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/platform/config.ts'

const key = (id: string) => ({ id, key: Buffer.alloc(32, id).toString('base64url') })
const least = {
  DATABASE_WRITE_URL: 'postgres://app_rw@db.example/manyhands',
  REDIS_CACHE_URL: 'redis://cache.example',
  REDIS_QUEUE_URL: 'redis://queue.example:6380/2',
  APP_KEYS: JSON.stringify([key('b'), key('a')]),
}

test('what is needed is enough; the rest has defaults', () => {
  const config = loadConfig({ ...least, SITE_NAME: '' })
  assert.deepEqual(config.site, {
    name: 'Manyhands',
    url: 'http://localhost:3000',
    mediaUrl: 'http://localhost:3000',
    staticUrl: undefined,
    presenterOrigin: 'http://p{id}.presenter.localhost:3000',
    hasOldNames: true,
  })
  assert.deepEqual(config.rateLimit, { requests: 300, seconds: 900, groups: new Map() })
  assert.equal(config.database.readUrl, config.database.writeUrl)
  assert.equal(config.database.hasReplicas, false)
  assert.deepEqual(
    config.secrets.appKeys.map(({ id }) => id),
    ['b', 'a'],
  )
  assert.equal(config.mail.smtpUrl, undefined)
  assert.deepEqual(config.mail.limit, { requests: 30, seconds: 3_600 })
  assert.equal(config.jobs.only, undefined)
  assert.deepEqual(config.accounts, { inactiveDays: undefined, hasSignInCodes: false })
})

test('every setting reaches its part', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mh-config-'))
  t.after(() => {
    rmSync(folder, { recursive: true })
  })
  writeFileSync(join(folder, 'keys.json'), least.APP_KEYS)
  const config = loadConfig({
    ...least,
    APP_KEYS: '',
    APP_KEYS_FILE: join(folder, 'keys.json'),
    SITE_URL: 'https://hands.example/',
    MEDIA_URL: 'https://media.example/hands/',
    STATIC_URL: 'https://static.example/',
    PRESENTER_ORIGIN: 'https://p{id}.hands.example/',
    TRUST_PROXY: 'on',
    DATABASE_READ_URL: 'postgres://app_ro@replica.example/manyhands',
    REDIS_CACHE_SENTINELS: 'a.example:26380, b.example',
    REDIS_CACHE_MASTER: 'hot',
    REDIS_CACHE_PASSWORD: 'sesame',
    REDIS_CACHE_SENTINEL_PASSWORD: 'open',
    REDIS_QUEUE_SENTINELS: 'c.example',
    MAIL_URL: 'smtps://mail.example',
    MAIL_BOUNCES_TO: 'bounces@hands.example',
    MAIL_BOUNCES_URL: 'imaps://a:b@mail.example/INBOX',
    MAIL_LIMIT: 'off',
    MAIL_REFUSED_DOMAINS: 'Throwaway.example, spam.example',
    SIGN_IN_CODES: 'on',
    INACTIVE_ACCOUNT_DAYS: '730',
    MAIL_EVENTS_SECRET: 'sixteen characters',
    MAILGUN_SIGNING_KEY: 'key',
    RATE_LIMIT: 'off',
    UPLOAD_EXTENSIONS: 'PNG, webp',
    UPLOAD_MB_MAX: '2',
    WORKER_JOBS: 'send-mail:12, clean-up',
    REDIS_CACHE_READ_URL: 'redis://127.0.0.1:6390',
    METRICS_TOKEN: 'a token of some length',
    METRICS_PORT: '9464',
    FILES_DIR: '/srv/files',
    ASSETS_DIR: '/srv/assets',
  })
  assert.equal(config.site.url, 'https://hands.example')
  assert.equal(config.site.mediaUrl, 'https://media.example/hands')
  assert.equal(config.site.staticUrl, 'https://static.example')
  assert.equal(config.site.presenterOrigin, 'https://p{id}.hands.example')
  assert.equal(config.database.hasReplicas, true)
  assert.deepEqual(config.redis.cache, {
    kind: 'sentinels',
    master: 'hot',
    password: 'sesame',
    sentinelPassword: 'open',
    sentinels: [
      { host: 'a.example', port: 26_380 },
      { host: 'b.example', port: 26_379 },
    ],
  })
  assert.deepEqual(config.redis.queue, {
    kind: 'sentinels',
    master: 'queue',
    sentinels: [{ host: 'c.example', port: 26_379 }],
  })
  assert.equal(config.rateLimit, undefined)
  assert.deepEqual([config.secrets.mailEvents, config.secrets.mailgun], ['sixteen characters', 'key'])
  assert.equal(config.mail.bouncesUrl, 'imaps://a:b@mail.example/INBOX')
  assert.deepEqual([config.mail.limit, config.mail.bouncesTo], [undefined, 'bounces@hands.example'])
  assert.deepEqual(config.mail.refusedDomains, ['throwaway.example', 'spam.example'])
  assert.deepEqual(config.accounts, { inactiveDays: 730, hasSignInCodes: true })
  assert.deepEqual(
    config.jobs.only,
    new Map([
      ['send-mail', 12],
      ['clean-up', undefined],
    ]),
  )
  assert.deepEqual(config.redis.cacheReads, { kind: 'address', url: 'redis://127.0.0.1:6390' })
  assert.deepEqual(config.metrics, { token: 'a token of some length', isOpenToLoopback: false, port: 9464 })
  assert.deepEqual(config.uploads, {
    extensions: ['png', 'webp'],
    bytesMax: 2_097_152,
    resumableBytesMax: 1_048_576_000,
  })
  assert.deepEqual([config.folders.files, config.folders.assets], ['/srv/files', '/srv/assets'])
})

test('files are kept in a bucket when one is named whole', () => {
  assert.equal(loadConfig({ ...least, S3_REGION: 'eu-1' }).s3, undefined)
  const bucket = { S3_BUCKET: 'hands', S3_KEY: 'k', S3_SECRET: 's' }
  assert.deepEqual(loadConfig({ ...least, ...bucket }).s3, {
    endpoint: undefined,
    region: 'us-east-1',
    bucket: 'hands',
    key: 'k',
    secret: 's',
    isPathStyle: false,
  })
  const own = { ...bucket, S3_ENDPOINT: 'https://s3.example.org', S3_REGION: 'eu-1' }
  assert.equal(loadConfig({ ...least, ...own }).s3?.isPathStyle, true)
  assert.equal(loadConfig({ ...least, ...own, S3_PATH_STYLE: 'off' }).s3?.isPathStyle, false)
  const part = { S3_BUCKET: 'hands', S3_SECRET: 's' }
  assert.throws(
    () => loadConfig({ ...least, ...part }),
    /S3_BUCKET, S3_KEY and S3_SECRET: all are required, and only S3_BUCKET, S3_SECRET is set/,
  )
  assert.throws(() => loadConfig({ ...least, ...own, S3_BUCKET: 'A/b' }), /S3_BUCKET: is no name of a bucket/)
  assert.throws(
    () => loadConfig({ ...least, ...own, S3_ENDPOINT: 's3.example.org' }),
    /S3_ENDPOINT: is no address such as https/,
  )
})

test('presenters run on an origin, with or without a place for the project', () => {
  const originOf = (PRESENTER_ORIGIN: string) =>
    loadConfig({ ...least, PRESENTER_ORIGIN }).site.presenterOrigin
  for (const origin of [
    'http://p{id}.presenter.localhost:3000',
    'https://presenters.example.org',
    'https://P{id}.example.org',
  ])
    assert.equal(originOf(origin), origin)
  for (const wrong of [
    'foo',
    'p{id}.example.org',
    'ftp://p{id}.example.org',
    'https://example.org/p{id}',
    'https://p{id}.example.org?x',
    'https://u:p@example.org',
    'https://p{id}.{id}.example.org',
    'https://',
  ])
    assert.throws(() => originOf(wrong), /PRESENTER_ORIGIN: is no origin such as https/, wrong)
})

test('another role on the same server is not a replica', () => {
  const config = loadConfig({ ...least, DATABASE_READ_URL: 'postgres://app_ro@db.example/manyhands' })
  assert.equal(config.database.hasReplicas, false)
})

test('behind a balancer it is told whether there are replicas', () => {
  const has = (more: Record<string, string>) =>
    loadConfig({ ...least, DATABASE_READ_URL: 'postgres://app_ro@db.example:5001/manyhands', ...more })
      .database.hasReplicas
  assert.equal(has({}), true)
  assert.equal(has({ DATABASE_HAS_REPLICAS: 'off' }), false)
  assert.equal(has({ DATABASE_HAS_REPLICAS: 'on' }), true)
})

test('everything that is missing or wrong is named at once', () => {
  const { DATABASE_WRITE_URL: _, ...rest } = least
  assert.throws(
    () => loadConfig({ ...rest, PORT: 'x', RATE_LIMIT: 'often', LOG_LEVEL: 'loud', MAIL_URL: 'http://x' }),
    /DATABASE_WRITE_URL[\s\S]*|PORT/,
  )
  const wrong: [Record<string, string>, RegExp][] = [
    [{ PORT: '70000' }, /PORT/],
    [{ SIGN_IN_CODES: 'on' }, /SIGN_IN_CODES: needs MAIL_URL/],
    [{ RATE_LIMIT: 'often' }, /RATE_LIMIT: is "off" or "requests\/seconds"/],
    [{ TRUST_PROXY: 'yes' }, /TRUST_PROXY/],
    [{ DATABASE_WRITE_URL: 'nonsense' }, /DATABASE_WRITE_URL: is no address of a PostgreSQL server/],
    [{ DATABASE_READ_URL: 'mysql://x/y' }, /DATABASE_READ_URL: is no address of a PostgreSQL server/],
    [{ WORKER_JOBS: 'send-mail:0' }, /WORKER_JOBS: is no list such as send-mail:10/],
    [{ METRICS_TOKEN: 'short' }, /METRICS_TOKEN: is too short/],
    [{ REDIS_CACHE_URL: 'http://x' }, /REDIS_CACHE_URL: is no address of a Redis/],
    [{ REDIS_QUEUE_URL: 'queue' }, /REDIS_QUEUE_URL: is no address of a Redis/],
    [{ REDIS_CACHE_URL: '' }, /REDIS_CACHE_URL or REDIS_CACHE_SENTINELS: required/],
    [{ APP_KEYS: '' }, /APP_KEYS or APP_KEYS_FILE: required/],
    [{ APP_KEYS: '[]' }, /APP_KEYS is a JSON list/],
    [{ APP_KEYS: '[{"id":"a","key":"c2hvcnQ"}]' }, /a key is 32 bytes/],
  ]
  for (const [change, message] of wrong) assert.throws(() => loadConfig({ ...least, ...change }), message)
})

test('groups of routes have limits of their own behind the one that holds for the rest', () => {
  const { rateLimit } = loadConfig({ ...least, RATE_LIMIT: '300/900,newtask=1000/900, taskrun=5/1' })
  assert.deepEqual(rateLimit, {
    requests: 300,
    seconds: 900,
    groups: new Map([
      ['newtask', { requests: 1000, seconds: 900 }],
      ['taskrun', { requests: 5, seconds: 1 }],
    ]),
  })
  for (const wrong of ['300', '0/900', '300/0', 'newtask=1/2', '300/900,newtask', '300/900;newtask=1/2']) {
    assert.throws(
      () => loadConfig({ ...least, RATE_LIMIT: wrong }),
      /RATE_LIMIT: .*300\/900,newtask=1000\/900/,
    )
  }
})
