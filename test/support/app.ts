import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import supertest from 'supertest'
import type TestAgent from 'supertest/lib/agent.js'
import { jobs } from '../../jobs/index.ts'
import { createApiKey, registerUser } from '../../src/domain/users/user-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { createApp } from '../../src/platform/app.ts'
import type { App } from '../../src/platform/app.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { apiOperations } from '../../src/web/api/api-routes.ts'
import { openApiDocument } from '../../src/web/api/openapi.ts'
import { createServer } from '../../src/web/server.ts'
import { compareWith } from './api-document.ts'
import { lastFirst } from './file-ending.ts'
import { noteRouteUse, noteRoutes } from './route-log.ts'
import { assetsFolder, createTestDatabase, testRedis } from './servers.ts'
import type { Ending } from './servers.ts'

export interface TestUser extends User {
  password: string
  apiKey: string
  /** Who signed in has these: made without the work that checking a password is meant to be. */
  cookies: readonly { name: string; value: string }[]
  /** Requests with this person's session cookie. */
  http: TestAgent
}

/** What is added to its end comes before its own: work on it stops while it still has its database. */
export interface TestApp extends Ending {
  readonly app: App
  /** Requests of somebody without cookies or key. */
  readonly http: TestAgent
  /** The same application at an address, for browsers. */
  readonly url: string
  /** The settings it runs with, for processes of one's own. */
  readonly env: Readonly<Record<string, string>>
  /** A new person with an account, session and API key; the first one is the admin. */
  user(name?: string): Promise<TestUser>
}

/**
 * The real application on a database of its own (primary and streaming replica), Redis under a prefix of its own, and
 * a port that the system chose. Everything ends with the test.
 */
export async function startTestApp(t: Ending, settings: Record<string, string> = {}): Promise<TestApp> {
  const inOrder = lastFirst(t)
  const [database, redis, data] = await Promise.all([
    createTestDatabase(inOrder),
    testRedis(inOrder),
    mkdtemp(join(tmpdir(), 'manyhands-test-')),
  ])
  const listener = createHttpServer()
  const port = await listen(listener)
  const env = {
    DATA_DIR: data,
    PORT: String(port),
    SITE_URL: `http://localhost:${port}`,
    DATABASE_WRITE_URL: database.writeUrl,
    DATABASE_READ_URL: database.readUrl,
    DATABASE_DIRECT_URL: database.directUrl,
    DATABASE_POOL_MAX: '8',
    REDIS_CACHE_URL: redis.cacheUrl,
    REDIS_QUEUE_URL: redis.queueUrl,
    REDIS_PREFIX: redis.prefix,
    APP_KEYS: JSON.stringify([{ id: 'test', key: Buffer.alloc(32, 7).toString('base64url') }]),
    ASSETS_DIR: await assetsFolder(),
    RATE_LIMIT: 'off',
    LOG_LEVEL: 'warn',
    ...settings,
  }
  const app = await createApp(loadConfig(env), 'test', jobs)
  const compare = compareWith(() => openApiDocument(apiOperations(app), app.config.site))
  const unlike: string[] = []
  const server = await createServer(app, {
    onRoute(answered) {
      noteRouteUse(answered.method, answered.path)
      const difference = compare(answered)
      if (difference !== undefined) unlike.push(difference)
    },
  })
  noteRoutes(server.routes)
  listener.on('request', (request, response) => void server.callback(request, response))

  inOrder.after(async () => {
    listener.closeAllConnections()
    await new Promise((resolve) => listener.close(resolve))
    await app.close()
    await rm(data, { recursive: true, force: true })
    assert.deepEqual(unlike, [], 'Answers of the API are not as its document says')
  })

  const url = env.SITE_URL
  return {
    ...inOrder,
    app,
    http: supertest.agent(listener),
    url,
    env,
    user: (name) => newUser(app, listener, name),
  }
}

async function listen(server: HttpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function newUser(
  app: App,
  listener: HttpServer,
  name = `u${randomUUID().slice(0, 8)}`,
): Promise<TestUser> {
  const password = 'four plain test words'
  const email = `${name}@example.org`
  const form = { fullName: `Test ${name}`, name, email, password }
  const { user, sessionId } = await registerUser(app.database.open({ writes: true }), form)
  const db = app.database.open({ writes: true })
  const apiKey = await createApiKey(db, user, 'tests')
  const cookies = [{ name: 'session', value: await app.sealer.seal('session', { sid: sessionId }, 86_400) }]
  const position = await db.position()
  if (position !== undefined) {
    const value = app.sealer.sign('position', `${position}@${Math.floor(Date.now() / 1000)}`)
    cookies.push({ name: 'position', value })
  }
  const http = supertest.agent(listener)
  for (const cookie of cookies) http.jar.setCookie(`${cookie.name}=${cookie.value}`, '127.0.0.1', '/')
  return { ...user, password, apiKey, cookies, http }
}
