import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { assetsFolder, createTestDatabase, testRedis } from '../support/servers.ts'
import { freePort, runningProcesses, startProgram } from '../support/started-site.ts'
import type { StartedProgram } from '../support/started-site.ts'

/** Built for all tests: only the first start builds them for itself. */
const BUILT = { ASSETS_DIR: await assetsFolder() }

const ALL = ['postgres', 'redis-cache/process', 'redis-queue/process', 'scheduler', 'web', 'web-2', 'worker']

function newDataDir(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-start-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

function start(t: TestContext, env: NodeJS.ProcessEnv): StartedProgram {
  const program = startProgram('src/bin/start.ts', [], { RATE_LIMIT: 'off', WEB_PROCESSES: '1', ...env })
  t.after(async () => {
    program.child.kill('SIGTERM')
    await program.ends()
  })
  return program
}

const namesOf = (dataDir: string) => [...runningProcesses(dataDir).keys()].sort()

async function stop(program: StartedProgram): Promise<void> {
  program.child.kill('SIGINT')
  // A Ctrl-C comes from the terminal and from what runs this: the second is no reason to hurry.
  await program.prints('Stopping')
  program.child.kill('SIGINT')
  assert.equal(await program.ends(), 0)
}

test(
  'one command brings everything up, Ctrl-C ends all of it, and the data stay',
  { timeout: 180_000 },
  async (t) => {
    const dataDir = newDataDir(t)
    const port = await freePort()
    const env = { DATA_DIR: dataDir, PORT: String(port), WEB_PROCESSES: '2' }
    const first = start(t, env)
    await first.prints('Ctrl-C stops everything')
    const url = `http://localhost:${port}`
    assert.ok(first.output().includes(url))

    const demoFile = join(dataDir, 'demo.json')
    assert.equal(statSync(demoFile).mode & 0o777, 0o600)
    const demo = JSON.parse(readFileSync(demoFile, 'utf8')) as Record<string, string>
    assert.deepEqual(Object.keys(demo), ['url', 'email', 'password', 'apiKey'])
    for (const shown of [demo['email'], demo['password'], demo['apiKey']])
      assert.ok(first.output().includes(String(shown)))
    assert.equal((await fetch(url)).status, 200)
    const key = String(demo['apiKey'])
    const tasks = (await (await fetch(`${url}/api/task?limit=100&api_key=${key}`)).json()) as {
      info: unknown
    }[]
    assert.ok(tasks.length >= 30)
    const signIn = await fetch(`${url}/account/signin`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ email: String(demo['email']), password: String(demo['password']) }),
    })
    assert.equal(signIn.status, 302)
    assert.deepEqual(namesOf(dataDir), ALL)

    const second = start(t, { ...env, PORT: String(await freePort()) })
    assert.equal(await second.ends(), 1)
    assert.match(second.output(), /is running in .* already \(process \d+\)/)
    assert.ok(second.output().trim().endsWith(` at ${url}`), 'where the first one is')

    // A process that is killed is started again.
    const killed = runningProcesses(dataDir).get('web')
    process.kill(killed?.pid ?? 0, 'SIGKILL')
    await first.prints('web ended; starting it again')
    while ((await fetch(`${url}/readyz`).catch(() => undefined))?.status !== 200) await sleep(50)

    await stop(first)
    assert.deepEqual(namesOf(dataDir), [])

    // What a killed start leaves running is taken over by the next, which shows the same owner and tasks.
    const third = start(t, env)
    await third.prints('Ctrl-C stops everything')
    third.child.kill('SIGKILL')
    await third.ends()
    assert.ok(namesOf(dataDir).includes('postgres'))
    const fourth = start(t, env)
    await fourth.prints('Ctrl-C stops everything')
    assert.ok(fourth.output().includes(String(demo['password'])))
    const again = (await (await fetch(`${url}/api/task?limit=100&api_key=${key}`)).json()) as {
      info: unknown
    }[]
    assert.equal(again.length, tasks.length)
    await stop(fourth)
    assert.deepEqual(namesOf(dataDir), [])
  },
)

test('a taken port is said at once, with another one to try, and nothing is left running', async (t) => {
  const dataDir = newDataDir(t)
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  t.after(() => other.close())
  const { port } = other.address() as { port: number }
  const program = start(t, { DATA_DIR: dataDir, PORT: String(port) })
  assert.equal(await program.ends(), 1)
  assert.match(
    program.output(),
    new RegExp(`Port ${port} on 127.0.0.1 is taken by another program. .*PORT=${port + 1}`),
  )
  assert.deepEqual(readdirSync(dataDir), [])
})

test('settings that cannot work are refused in a line that names them', async (t) => {
  const dataDir = newDataDir(t)
  writeFileSync(join(dataDir, 'a-file'), '')
  const cases: [NodeJS.ProcessEnv, RegExp][] = [
    [{ PORT: 'none' }, /PORT=none is not a port/],
    [{ PORT: '70000' }, /PORT=70000 is not a port/],
    [{ WEB_PROCESSES: 'all' }, /WEB_PROCESSES=all is no number of processes/],
    [{ HOST: '203.0.113.1', PORT: '4000' }, /Port 4000 on 203.0.113.1 cannot be used/],
    [{ DATABASE_WRITE_URL: 'nonsense' }, /DATABASE_WRITE_URL: is no address of a PostgreSQL server/],
    [{ REDIS_CACHE_URL: 'http://x' }, /REDIS_CACHE_URL: is no address of a Redis/],
    [
      { DATABASE_WRITE_URL: 'postgres://somebody@127.0.0.1:1/none' },
      /DATABASE_WRITE_URL names a database that cannot be reached: connect ECONNREFUSED 127.0.0.1:1\.\nStart that/,
    ],
    [{ DATA_DIR: join(dataDir, 'a-file/below') }, /ENOTDIR|not a directory/],
  ]
  for (const [env, message] of cases) {
    const program = start(t, {
      ...BUILT,
      DATA_DIR: join(dataDir, 'data'),
      PORT: String(await freePort()),
      ...env,
    })
    assert.equal(await program.ends(), 1)
    assert.match(program.output(), message)
    assert.ok(!program.output().includes('    at '), 'no stack')
    assert.ok(!program.output().includes('{"'), 'no log line')
  }
})

test('the same command runs on servers that are there already', { timeout: 60_000 }, async (t) => {
  const [database, redis] = await Promise.all([createTestDatabase(t), testRedis(t)])
  const dataDir = newDataDir(t)
  const port = await freePort()
  const program = start(t, {
    ...BUILT,
    DATA_DIR: dataDir,
    PORT: String(port),
    DATABASE_WRITE_URL: database.writeUrl,
    DATABASE_READ_URL: database.readUrl,
    DATABASE_DIRECT_URL: database.directUrl,
    REDIS_CACHE_URL: redis.cacheUrl,
    REDIS_QUEUE_URL: redis.queueUrl,
    REDIS_PREFIX: redis.prefix,
  })
  await program.prints('Ctrl-C stops everything')
  assert.deepEqual(namesOf(dataDir), ['scheduler', 'web', 'worker'])
  assert.equal((await fetch(`http://localhost:${port}/readyz`)).status, 200)
  await stop(program)
})

test(
  'a setting that a process cannot start with ends the start, with its reason',
  { timeout: 60_000 },
  async (t) => {
    const [database, redis] = await Promise.all([createTestDatabase(t), testRedis(t)])
    const program = start(t, {
      ...BUILT,
      DATA_DIR: newDataDir(t),
      PORT: String(await freePort()),
      DATABASE_WRITE_URL: database.writeUrl,
      DATABASE_DIRECT_URL: database.directUrl,
      REDIS_CACHE_URL: redis.cacheUrl,
      REDIS_QUEUE_URL: redis.queueUrl,
      RATE_LIMIT: 'sometimes',
    })
    assert.equal(await program.ends(), 1)
    assert.match(program.output(), /RATE_LIMIT/)
  },
)

test('for development a changed source starts the web process anew', { timeout: 180_000 }, async (t) => {
  const [database, redis] = await Promise.all([createTestDatabase(t), testRedis(t)])
  const dataDir = newDataDir(t)
  const port = await freePort()
  const env = {
    ...BUILT,
    RATE_LIMIT: 'off',
    DATA_DIR: dataDir,
    PORT: String(port),
    DATABASE_WRITE_URL: database.writeUrl,
    DATABASE_DIRECT_URL: database.directUrl,
    REDIS_CACHE_URL: redis.cacheUrl,
    REDIS_QUEUE_URL: redis.queueUrl,
    REDIS_PREFIX: redis.prefix,
  }
  const program = startProgram('src/bin/start.ts', ['--watch'], env)
  t.after(async () => {
    program.child.kill('SIGTERM')
    await program.ends()
  })
  await program.prints('Ctrl-C stops everything')
  const source = 'src/locales/en.json'
  for (const times of [1, 2]) {
    // As editors save: a new file is renamed onto the old one.
    copyFileSync(source, `${source}.new`)
    renameSync(`${source}.new`, source)
    while (program.output().split('web ended; starting it again').length <= times) await sleep(20)
    while ((await fetch(`http://localhost:${port}/readyz`).catch(() => undefined))?.status !== 200)
      await sleep(50)
  }
  await stop(program)
})
