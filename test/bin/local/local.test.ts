import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import {
  endProcess,
  identifyProcess,
  isRunning,
  lastLines,
  readIfThere,
  recordProcess,
  recordedProcess,
  spawnServer,
} from '../../../src/bin/local/os-process.ts'
import { bundledPostgres, readyPrograms } from '../../../src/bin/local/postgres-programs.ts'
import { postgresPlace, startPostgres } from '../../../src/bin/local/postgres.ts'
import { findRedis, startRedis } from '../../../src/bin/local/redis.ts'
import { runProgram, succeeds } from '../../../src/bin/local/run-program.ts'
import { makeServerFolder, serverAccount } from '../../../src/bin/local/server-account.ts'
import { makeSocketFolder, startSettings } from '../../../src/bin/local/settings.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mh-local-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** Makes programs of these names end with status 1, as on a machine that forbids or lacks them. */
function forbid(t: TestContext, ...names: string[]): void {
  const folder = newFolder(t)
  for (const name of names) {
    writeFileSync(join(folder, name), '#!/bin/sh\nexit 1\n')
    chmodSync(join(folder, name), 0o755)
  }
  const path = process.env['PATH']
  process.env['PATH'] = `${folder}:${path}`
  t.after(() => {
    process.env['PATH'] = path
  })
}

test('a process is known again by pid and start time, and by nothing else', async (t) => {
  const folder = newFolder(t)
  const child = spawnServer({ command: 'sleep', args: ['60'], logFile: join(folder, 'log/sleep.log') })
  const file = join(folder, 'sleep.json')
  const identity = recordProcess(file, child.pid ?? 0)
  assert.equal(isRunning(identity), true)
  assert.deepEqual(recordedProcess(file), identity)
  assert.equal(isRunning({ ...identity, started: 'another time' }), false)
  await endProcess({ ...identity, started: 'another time' }, ['SIGKILL'], 100)
  assert.equal(isRunning(identity), true)
  await endProcess(identity, ['SIGTERM'], 5_000)
  assert.equal(recordedProcess(file), undefined)
  assert.equal(identifyProcess(2 ** 30), undefined)
  writeFileSync(file, '{"pid": "none"}')
  assert.equal(recordedProcess(file), undefined)
  assert.equal(recordedProcess(join(folder, 'none')), undefined)
})

test('a process that does not follow one signal gets the next, and one that follows none is said', async (t) => {
  const folder = newFolder(t)
  const log = join(folder, 'stubborn.log')
  const child = spawnServer({
    command: process.execPath,
    args: ['-e', `process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)`],
    logFile: log,
  })
  const identity = identifyProcess(child.pid ?? 0)
  assert.ok(identity)
  while (!lastLines(log).includes('up')) await new Promise((resolve) => setTimeout(resolve, 10))
  await assert.rejects(endProcess(identity, ['SIGTERM'], 100), /does not end/)
  await endProcess(identity, ['SIGTERM', 'SIGKILL'], 100)
  assert.equal(isRunning(identity), false)
})

test('a log that has grown large is set aside', (t) => {
  const folder = newFolder(t)
  const log = join(folder, 'x.log')
  writeFileSync(log, Buffer.alloc(10_000_001, 'x'))
  spawnServer({ command: 'true', args: [], logFile: log })
  assert.ok(existsSync(`${log}.1`))
  assert.equal(readIfThere(join(folder, 'none')), undefined)
  assert.throws(() => readIfThere(folder), /EISDIR/)
  assert.equal(lastLines(join(folder, 'none')), '')
})

test('a program’s failure carries what it said', async () => {
  assert.equal(await runProgram('echo', ['hello']), 'hello\n')
  await assert.rejects(runProgram('sh', ['-c', 'echo no >&2; exit 3']), /sh ended with 3:\nno/)
  await assert.rejects(runProgram('sh', ['-c', 'kill -9 $$']), /ended with a signal/)
  await assert.rejects(runProgram('no-such-program', []), /ENOENT/)
  assert.equal(await succeeds('false', []), false)
})

test('there is a clear word for machines without a bundled PostgreSQL', () => {
  assert.throws(
    () => bundledPostgres('beos-m68k'),
    /no bundled PostgreSQL for beos-m68k.*DATABASE_WRITE_URL/s,
  )
})

test('PostgreSQL runs for whoever starts it: by namespace, by another account, or as the user that one is', async (t) => {
  const folder = join(newFolder(t), 'postgres')
  const isRoot = process.getuid?.() === 0
  if (isRoot) forbid(t, 'unshare')
  const place = await postgresPlace(folder)
  t.after(() => {
    rmSync(place.account.folder, { recursive: true, force: true })
  })
  assert.equal(place.account.prefix[0], isRoot ? 'setpriv' : undefined)
  const sockets = mkdtempSync(join(tmpdir(), 'mh-s-'))
  chmodSync(sockets, 0o711)
  t.after(() => {
    rmSync(sockets, { recursive: true, force: true })
  })
  const settings = {
    folder: place.account.folder,
    socketFolder: join(sockets, 'pg'),
    maxConnections: 10,
    durable: false,
  }
  const server = await startPostgres(place, settings)
  const again = await startPostgres(place, settings)
  assert.deepEqual([server.adopted, again.adopted, again.pid], [false, true, server.pid])
  await server.stop()
  writeFileSync(join(place.account.folder, 'cluster/PG_VERSION'), '9\n')
  await assert.rejects(startPostgres(place, settings), /was made by PostgreSQL 9.*Choose another DATA_DIR/s)
  writeFileSync(join(place.account.folder, 'cluster/PG_VERSION'), '15\n')
  rmSync(join(place.account.folder, 'cluster/global'), { recursive: true })
  await assert.rejects(startPostgres(place, settings), /PostgreSQL did not start:\n.+/s)
})

test('an account that cannot read the programs gets a copy of them', (t) => {
  const folder = newFolder(t)
  const bundled = bundledPostgres()
  const ready = readyPrograms(bundled, { folder, needed: true })
  assert.notEqual(ready.folder, bundled.folder)
  assert.ok(existsSync(join(ready.folder, 'bin/postgres')))
  assert.equal(readyPrograms(bundled, { folder, needed: true }).folder, ready.folder)
  assert.equal(readyPrograms(bundled, { folder, needed: false }).folder, bundled.folder)
})

test('where nothing lets root run PostgreSQL, what to do is said', async (t) => {
  if (process.getuid?.() !== 0) return
  forbid(t, 'unshare', 'setpriv')
  await assert.rejects(
    serverAccount({ folder: join(newFolder(t), 'x'), program: '/bin/true' }),
    /Start as an ordinary user, or set DATABASE_WRITE_URL/,
  )
})

test('folders of servers are for their account alone', (t) => {
  const folder = join(newFolder(t), 'own')
  makeServerFolder({ owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } }, folder)
  assert.ok(existsSync(folder))
})

test(
  'Redis comes from Debian’s packages where there is none, and one that was left running is taken over',
  { timeout: 60_000 },
  async (t) => {
    const folder = newFolder(t)
    const program = await findRedis(folder)
    const settings = { folder: join(folder, 'cache'), socket: join(folder, 'c.sock'), use: 'cache' } as const
    const server = await startRedis(program, settings)
    const again = await startRedis(program, settings)
    assert.equal(again.pid, server.pid)
    await server.stop()
    mkdirSync(join(folder, 'other'))
    await assert.rejects(
      startRedis(program, {
        ...settings,
        folder: join(folder, 'other'),
        socket: join(folder, 'no/such/folder.sock'),
      }),
      /Redis did not start:\n/,
    )
    forbid(t, 'redis-server')
    const unpacked = await findRedis(join(folder, 'unpacked'))
    assert.match(await runProgram(unpacked.command, ['--version'], { env: unpacked.env }), /Redis server/)
    forbid(t, 'apt-get')
    await assert.rejects(findRedis(join(folder, 'programs')), /sudo apt-get install redis-server/)
  },
)

test('settings of a start have defaults, and a socket folder of somebody else is refused', (t) => {
  const plain = startSettings({})
  assert.deepEqual(
    [plain.host, plain.port, plain.url, plain.databaseUrl],
    ['127.0.0.1', 3000, 'http://localhost:3000', undefined],
  )
  const given = startSettings({
    PORT: '80',
    SITE_URL: 'https://x.example',
    REDIS_CACHE_SENTINELS: 'a:1',
    DATABASE_WRITE_URL: 'postgres://x',
  })
  assert.deepEqual(
    [given.url, given.redisUrls.cache, given.databaseUrl],
    ['https://x.example', 'a:1', 'postgres://x'],
  )
  const folder = makeSocketFolder(newFolder(t))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const other = newFolder(t)
  const place = makeSocketFolder(other)
  rmSync(place, { recursive: true })
  writeFileSync(place, '')
  t.after(() => {
    rmSync(place, { force: true })
  })
  assert.throws(() => makeSocketFolder(other), /EEXIST|belongs to somebody else/)
  assert.equal(readFileSync(place, 'utf8'), '')
})
