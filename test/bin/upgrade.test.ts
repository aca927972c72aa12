import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pruneCommand } from '../../src/bin/commands/prune.ts'
import { fitsCommand, switchCommand } from '../../src/bin/commands/switch.ts'
import { upgradeCommand } from '../../src/bin/commands/upgrade.ts'
import { releasesIn } from '../../src/bin/local/releases.ts'
import { takeLock } from '../../src/platform/file-lock.ts'
import { createTestDatabase, testRedis } from '../support/servers.ts'
import { freePort, startProgram } from '../support/started-site.ts'

/** A site as small as one can be: what the command asks of a release, and no more. */
const SITE = `
const { existsSync, readFileSync } = require('node:fs')
const hold = __dirname + '/../HOLD'
let isHeld = existsSync(hold)
const release = readFileSync(__dirname + '/../RELEASE', 'utf8').trim()
const built = readFileSync(process.env.BUILT, 'utf8')
require('node:http').createServer((request, response) => {
  const isPage = request.url.startsWith('/?')
  isHeld = isHeld && existsSync(hold)
  const status = isHeld ? 'held' : 'ready'
  response.statusCode = isPage ? STATUS : isHeld && request.url === '/readyz' ? 503 : HEALTH
  setTimeout(() => response.end(HEALTH === 200 ? JSON.stringify({ release, built, status }) : 'There are only figures here.'), isPage ? LATE_MS : 0)
}).listen(Number(process.env.PORT), '127.0.0.1')
`

/** The command of a release: this one can only be asked to build, into one folder for all releases. */
const MANYHANDS = `
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
if (process.argv[2] === 'build') {
  const release = readFileSync('RELEASE', 'utf8')
  if (existsSync(process.env.BUILT + '-not-' + release)) throw new Error('no space left')
  writeFileSync(process.env.BUILT, release)
}
`

const processes = (restart: readonly string[], at?: string) => JSON.stringify([{ restart, at }])

interface Answer {
  readonly release: string
  readonly built: string
  readonly status?: string
}

/** A host with a database, a root for releases, and a service that is restarted by a script. */
async function startHost(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-upgrade-'))
  const root = join(folder, 'root')
  const repository = join(folder, 'repository')
  mkdirSync(root)
  mkdirSync(repository)
  const [database, redis, port] = await Promise.all([createTestDatabase(t), testRedis(t), freePort()])
  const pid = join(root, 'service.pid')
  const restart = join(root, 'restart.sh')
  writeFileSync(
    restart,
    `echo restart >> ${root}/restarts; [ -e ${pid} ] && kill $(cat ${pid}); PORT=${port} BUILT=${root}/built setsid ${process.execPath} ${root}/current/src/site.cjs >/dev/null 2>&1 & echo $! > ${pid}`,
  )
  t.after(() => {
    if (existsSync(pid)) execFileSync('/bin/sh', ['-c', `kill $(cat ${pid}) || true`], { stdio: 'ignore' })
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  const env = {
    PATH: process.env['PATH'] ?? '',
    BUILT: join(root, 'built'),
    DATABASE_WRITE_URL: database.directUrl,
    REDIS_CACHE_URL: redis.cacheUrl,
    REDIS_QUEUE_URL: redis.queueUrl,
    APP_KEYS: JSON.stringify([{ id: 'test', key: Buffer.alloc(32, 7).toString('base64url') }]),
    SITE_URL: `http://127.0.0.1:${port}`,
    UPGRADE_BACKUP: JSON.stringify(['/bin/sh', '-c', 'echo saved > "$0"', '{file}']),
    UPGRADE_PROCESSES: processes(['/bin/sh', restart], `http://127.0.0.1:${port}`),
    UPGRADE_VERIFY_SECONDS: '6',
    UPGRADE_SLOW_MS: '400',
  }
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.org', ...args], {
      cwd: repository,
      encoding: 'utf8',
    }).trim()
  git('init', '--quiet')
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(repository, name)), { recursive: true })
    writeFileSync(join(repository, name), text)
  }
  write('package.json', '{"type":"module"}')
  write('package-lock.json', '{"lockfileVersion":3,"packages":{}}')
  for (const name of ['.npmrc', 'LICENSE', 'jobs/none', 'templates/none']) write(name, '')
  write('src/bin/manyhands.ts', MANYHANDS)
  mkdirSync(join(repository, 'ansible/scripts'), { recursive: true })
  copyFileSync('ansible/scripts/build-release', join(repository, 'ansible/scripts/build-release'))

  /** Packs the last commit as on any machine, by the repository's own script. @returns what it says. */
  function pack(to: string): { made: number } {
    const said = execFileSync(join(repository, 'ansible/scripts/build-release'), [to], { encoding: 'utf8' })
    return JSON.parse(said) as { made: number }
  }

  async function upgrade(archive: string, more: Record<string, string> = {}) {
    const program = startProgram('src/bin/manyhands.ts', ['upgrade', archive, '--root', root], {
      ...env,
      ...more,
    })
    return { status: await program.ends(), output: program.output() }
  }
  return {
    root,
    env,
    database,
    repository,
    upgrade,
    /** Packs a release with further migrations. */
    pack(
      migrations: Record<string, string> = {},
      { status = 200, lateMs = 0, health = 200, start = '' } = {},
    ): { archive: string; release: string } {
      const values = { STATUS: status, LATE_MS: lateMs, HEALTH: health }
      const site = SITE.replaceAll(/STATUS|LATE_MS|HEALTH/g, (name) =>
        String(values[name as keyof typeof values]),
      )
      write('src/site.cjs', start + site)
      write('src/migrations/README', 'Further ones than the database of a test has.')
      for (const [name, sql] of Object.entries(migrations)) write(`src/migrations/${name}`, sql)
      git('add', '.')
      git('commit', '--quiet', '--allow-empty', '-m', 'A release')
      const release = git('rev-parse', 'HEAD')
      pack(join(folder, 'out'))
      return { archive: join(folder, 'out', `release-${release}.tar.zst`), release }
    },
    packTo: pack,
    restarts: () => readFileSync(join(root, 'restarts'), 'utf8').split('\n').length - 1,
    current: () => basename(readlinkSync(join(root, 'current'))),
    async answers() {
      const { status: _, ...answer } = (await (await fetch(`${env.SITE_URL}/healthz`)).json()) as Answer
      return answer
    },
    /** Notes of which release it was whenever the service said that it may be sent requests. */
    watchReady() {
      const seen = new Set<string>()
      const timer = setInterval(() => {
        fetch(`${env.SITE_URL}/readyz`)
          .then(async (response) => {
            const { release } = (await response.json()) as Answer
            if (response.ok) seen.add(release)
          })
          .catch(() => undefined)
      }, 5)
      t.after(() => {
        clearInterval(timer)
      })
      return seen
    },
    async has(table: string) {
      const client = new pg.Client({ connectionString: database.directUrl })
      await client.connect()
      const { rows } = await client.query<{ is: boolean }>('select to_regclass($1) is not null as is', [
        table,
      ])
      await client.end()
      return rows[0]?.is
    },
  }
}

test('a host is brought to a release, and back to the one before when it does not work', async (t) => {
  const host = await startHost(t)
  const first = host.pack()
  const bring = (archive: string) => upgradeCommand.run([archive, '--root', host.root], host.env)
  assert.equal(await bring(first.archive), 0)
  assert.deepEqual(await host.answers(), { release: first.release, built: first.release })

  const second = host.pack({ '9001-more.sql': 'create table more (id integer);' })
  assert.equal(await bring(second.archive), 0)
  assert.deepEqual(await host.answers(), { release: second.release, built: second.release })
  assert.ok(await host.has('more'))
  const [backup = ''] = readdirSync(join(host.root, 'backups')).slice(-1)
  assert.equal(readFileSync(join(host.root, 'backups', backup), 'utf8'), 'saved\n')

  const third = host.pack({}, { status: 500 })
  const back = await host.upgrade(third.archive)
  assert.equal(back.status, 1, back.output)
  assert.match(
    back.output,
    /Checksum.*\n.*Unpacking.*\n.*Trial.*\n.*Backup.*\n.*Migrations.*\n.*Browser files/,
  )
  assert.match(back.output, /does not work here: http:.*\/ answers 500\./)
  assert.match(back.output, new RegExp(`This host runs ${second.release.slice(0, 7)} again`))
  assert.equal((await host.answers()).release, second.release)
  assert.equal(host.current(), second.release)

  const stuck = await host.upgrade(third.archive, { UPGRADE_PROCESSES: processes(['false']) })
  assert.match(stuck.output, /upgrade could not run: false ended with 1/)
  assert.equal(stuck.status, 2, stuck.output)
  assert.equal(host.current(), second.release)
  writeFileSync(`${host.env.BUILT}-not-${third.release}`, '')
  const full = await host.upgrade(third.archive)
  assert.match(full.output, /Migrations[^]*no space left/)
  assert.deepEqual([full.status, host.current()], [2, second.release])
})

test('an upgrade that was cut off goes on when it is asked for again, and still knows its way back', async (t) => {
  const host = await startHost(t)
  const first = host.pack()
  assert.equal((await host.upgrade(first.archive)).status, 0)
  // It answers so late that there is time to cut the upgrade off.
  const second = host.pack({}, { lateMs: 60_000 })
  const args = ['upgrade', second.archive, '--root', host.root]
  const cutOff = startProgram('src/bin/manyhands.ts', args, host.env)
  while (host.current() !== second.release || host.restarts() < 2) await sleep(20)
  cutOff.child.kill('SIGKILL')
  await cutOff.ends()
  assert.equal(host.current(), second.release)

  const again = await host.upgrade(second.archive)

  assert.equal(again.status, 1, again.output)
  assert.match(again.output, new RegExp(`This host runs ${first.release.slice(0, 7)} again`))
  assert.equal((await host.answers()).release, first.release)
  assert.equal(await releasesIn(host.root).lastGood(), first.release)

  const third = host.pack()
  assert.equal((await host.upgrade(third.archive)).status, 0)
  assert.equal(await releasesIn(host.root).lastGood(), third.release)
})

test('a backup is made without showing the password, and the service’s own account can read the release', async (t) => {
  const host = await startHost(t)
  const seen = join(host.root, 'seen')
  const programs = join(host.root, 'programs')
  mkdirSync(programs)
  writeFileSync(
    join(programs, 'pg_dump'),
    `#!/bin/sh\necho "$@ $PGPASSWORD" > ${seen}\nfor part in "$@"; do case $part in --file=*) echo saved > "\${part#--file=}";; esac; done\n`,
    { mode: 0o755 },
  )
  const { archive, release } = host.pack()
  const bring = async (url: string) => {
    const { UPGRADE_BACKUP: own, ...env } = { ...host.env, PATH: `${programs}:${host.env.PATH}` }
    assert.ok(own)
    assert.equal(
      await upgradeCommand.run([archive, '--root', host.root], { ...env, DATABASE_WRITE_URL: url }),
      0,
    )
    return readFileSync(seen, 'utf8')
  }
  const url = new URL(host.database.directUrl)
  url.password = 'it%27s secret'

  const backups = join(host.root, 'backups')
  mkdirSync(backups)
  const older = Array.from({ length: 5 }, (_, n) => `2026-01-0${n + 1}T00-00-00.000Z.dump`)
  for (const name of older) writeFileSync(join(backups, name), '')

  const umask = process.umask(0o077)
  const said = await bring(url.href).finally(() => process.umask(umask))
  assert.deepEqual(readdirSync(backups).slice(0, 4), older.slice(1))
  assert.equal(readdirSync(backups).length, 5)

  url.password = ''
  assert.ok(said.endsWith(`--dbname=${url.href} it's secret\n`), said)
  assert.equal(statSync(join(host.root, 'releases', release)).mode & 0o777, 0o755)
  assert.equal(statSync(join(host.root, 'releases')).mode & 0o777, 0o755)
  assert.equal(statSync(join(host.root, 'current/src/site.cjs')).mode & 0o777, 0o644)
  assert.equal(statSync(join(host.root, 'current/node_modules')).mode & 0o777, 0o755)
  const { href } = url
  url.searchParams.set('password', 'another')
  assert.ok((await bring(url.href)).endsWith(`--dbname=${href} another\n`))

  rmSync(join(programs, 'pg_dump'))
  symlinkSync('/bin/true', join(programs, 'pg_dump'))
  await assert.rejects(bring(url.href), /The backup was not written/)
})

test('a release is refused before anything is changed, with the reason', async (t) => {
  const host = await startHost(t)
  const refuses = (archive: string, why: RegExp, more: Record<string, string> = {}) =>
    assert.rejects(upgradeCommand.run([archive, '--root', host.root], { ...host.env, ...more }), why)
  const first = host.pack()
  const broken = host.pack({ '9001-wrong.sql': 'create table;' })
  await refuses(first.archive, /There is no earlier release to go back to/, {
    UPGRADE_PROCESSES: processes(['false']),
  })
  assert.equal(await upgradeCommand.run([first.archive, '--root', host.root], host.env), 0)

  await refuses(broken.archive, /Migration 9001-wrong\.sql failed/)
  await refuses(broken.archive, /^Error: false ended with 1/, { UPGRADE_BACKUP: '["false"]' })
  const contract = host.pack({
    '9001-wrong.sql': 'create table more (id integer);',
    '9002-less.sql': '-- contract: 9001-wrong.sql\ndrop table more;',
  })
  const lacks = /could not run on the new schema.*9002-less\.sql needs a release with 9001-wrong\.sql/
  await refuses(contract.archive, lacks)
  const silent = host.pack({ '9001-wrong.sql': 'alter table task drop column info;' })
  await refuses(silent.archive, /9001-wrong\.sql does not say since when nothing needs it \(drop column\)/)
  assert.equal(await host.has('more'), false)

  appendFileSync(contract.archive, 'x')
  await refuses(contract.archive, /is not what its checksum says/)
  execFileSync('tar', ['-cf', join(host.root, 'other.tar.zst'), '--zstd', '-C', host.root, 'restart.sh'])
  execFileSync('/bin/sh', ['-c', 'sha256sum other.tar.zst > other.sha256'], { cwd: host.root })
  await refuses(join(host.root, 'other.tar.zst'), /This is no packed release/)
  const lock = takeLock(join(host.root, 'upgrade.lock'))
  await refuses(first.archive, /another upgrade is under way/)
  if (lock !== undefined) closeSync(lock)
  assert.equal(host.current(), first.release)
  assert.deepEqual(await host.answers(), { release: first.release, built: first.release })

  assert.throws(() => upgradeCommand.run([], host.env), /Name one archive/)
  await assert.rejects(upgradeCommand.run([first.archive], host.env), /say with --root/)
})

test('a host switches to a release that is there, restarts what does not run it, and takes back a slow one', async (t) => {
  const host = await startHost(t)
  const to = (release: string) => switchCommand.run([release, '--root', host.root], host.env)
  const first = host.pack()
  const slow = host.pack({}, { lateMs: 500 })
  assert.equal(await upgradeCommand.run([first.archive, '--root', host.root], host.env), 0)
  await releasesIn(host.root).unpack(slow.archive)
  assert.equal(host.restarts(), 1)

  assert.equal(await to(first.release), 0)
  assert.equal(host.restarts(), 1, 'it runs what it should')
  const said = t.mock.method(console, 'error', () => undefined)
  assert.equal(await to(slow.release), 1)
  assert.match(
    String(said.mock.calls[0]?.arguments[0]),
    /\/ takes \d{3} ms, and 400 are allowed\. This host runs/,
  )
  assert.deepEqual([host.current(), (await host.answers()).release], [first.release, first.release])
  assert.equal(host.restarts(), 3)

  await assert.rejects(to('0'.repeat(40)), /no such release/i)
  assert.equal(host.current(), first.release)
  assert.throws(() => to('main'), /Name one release/)
})

test('a process is ready for requests only after its pages were looked at', async (t) => {
  const host = await startHost(t)
  const bring = (archive: string) =>
    upgradeCommand.run([archive, '--root', host.root], { ...host.env, UPGRADE_HOLDS: 'on' })
  const held = (release: string) => existsSync(join(host.root, 'releases', release, 'HOLD'))
  const first = host.pack()
  assert.equal(await bring(first.archive), 0)
  const seen = host.watchReady()

  t.mock.method(console, 'error', () => undefined)
  const bad = host.pack({}, { status: 500 })
  assert.equal(await bring(bad.archive), 1)
  const second = host.pack()
  assert.equal(await bring(second.archive), 0)
  while (!seen.has(second.release)) await sleep(10)
  assert.deepEqual([...seen], [first.release, second.release])
  assert.equal(held(second.release), false)
})

test('a host waits for a change that goes on, and refuses a release whose schema is gone', async (t) => {
  const host = await startHost(t)
  const to = (release: string, env = {}) =>
    switchCommand.run([release, '--root', host.root], { ...host.env, ...env })
  const bring = (archive: string) => upgradeCommand.run([archive, '--root', host.root], host.env)
  const first = host.pack()
  const second = host.pack({ '9001-more.sql': 'create table more (id integer);' })
  const third = host.pack({ '9002-less.sql': '-- contract: 9001-more.sql\ndrop table more;' })
  const last = host.pack()
  for (const { archive } of [first, second, third, last]) assert.equal(await bring(archive), 0)

  const lock = takeLock(join(host.root, 'upgrade.lock'))
  const waiting = to(second.release)
  await sleep(700)
  assert.equal(host.current(), last.release)
  if (lock !== undefined) closeSync(lock)
  assert.equal(await waiting, 0, 'it knew the release since which nothing needs it')
  const fits = (release: string) => fitsCommand.run([release, '--root', host.root], host.env)
  const said = t.mock.method(console, 'error', () => undefined)
  assert.deepEqual([await fits(first.release), await fits(last.release)], [1, 0])
  const unfit = /could not run on the schema.*9002-less\.sql needs a release with 9001-more\.sql/
  assert.match(String(said.mock.calls[0]?.arguments[0]), unfit)
  await assert.rejects(to(first.release), unfit)
  assert.equal(host.current(), second.release)

  const away = { DATABASE_DIRECT_URL: 'postgresql://nobody@127.0.0.1:1/none' }
  assert.equal(await to(third.release, away), 0)
  assert.match(String(said.mock.calls.at(-1)?.arguments[0]), /could not be asked/)
})

test('of a process without pages only its release is asked, and one that does not come is taken back', async (t) => {
  const host = await startHost(t)
  const bring = (archive: string, env: Record<string, string> = {}) =>
    upgradeCommand.run([archive, '--root', host.root], { ...host.env, ...env })
  const restart = ['/bin/sh', join(host.root, 'restart.sh')]
  const worker = {
    UPGRADE_PROCESSES: processes(restart),
    UPGRADE_HEALTHS: JSON.stringify({ [restart.join(' ')]: host.env.SITE_URL }),
  }
  const first = host.pack({}, { status: 500 })
  assert.equal(await bring(first.archive, worker), 0)
  assert.equal(await bring(first.archive, worker), 0)
  assert.equal(host.restarts(), 1, 'it runs what it should')

  const said = t.mock.method(console, 'error', () => undefined)
  const dead = host.pack({}, { start: 'throw new Error("not today")' })
  assert.equal(await bring(dead.archive, { ...worker, UPGRADE_VERIFY_SECONDS: '1' }), 1)
  assert.match(String(said.mock.calls[0]?.arguments[0]), /did not answer with it in 1 s: .*This host runs/)
  assert.deepEqual([host.current(), (await host.answers()).release], [first.release, first.release])
})

test('a process of a release from before it named its own is gone back to', async (t) => {
  const host = await startHost(t)
  const restart = ['/bin/sh', join(host.root, 'restart.sh')]
  const env = { ...host.env, UPGRADE_PROCESSES: processes(restart), UPGRADE_VERIFY_SECONDS: '2' }
  const named = { ...env, UPGRADE_HEALTHS: JSON.stringify({ [restart.join(' ')]: host.env.SITE_URL }) }
  const old = host.pack({}, { health: 404 })
  assert.equal(await upgradeCommand.run([old.archive, '--root', host.root], env), 0)

  const said = t.mock.method(console, 'error', () => undefined)
  const dead = host.pack({}, { start: 'throw new Error("not today")' })
  assert.equal(await upgradeCommand.run([dead.archive, '--root', host.root], named), 1)
  assert.match(String(said.mock.calls[0]?.arguments[0]), /This host runs/)
  assert.equal(host.current(), old.release)
})

test('five releases are kept with their packages, and the same commit is packed into the same bytes, once', async (t) => {
  const host = await startHost(t)
  const releases = releasesIn(host.root)
  const packed: string[] = []
  mkdirSync(join(host.root, 'modules', 'f'.repeat(24)), { recursive: true })
  for (let count = 0; count < 6; count += 1) {
    const { archive, release } = host.pack()
    packed.push(release)
    assert.equal(await releases.unpack(archive), release)
    await releases.switchTo(release)
    await releases.prune()
  }
  assert.deepEqual(readdirSync(join(host.root, 'releases')).sort(), packed.slice(1).sort())
  assert.equal(await releases.current(), packed[5])
  assert.equal(readdirSync(join(host.root, 'modules')).length, 1, 'packages that no release needs go')
  assert.ok(existsSync(join(host.root, 'current/node_modules')))

  const sums = `release-${packed[5]}.sha256`
  const [one = '', other = ''] = ['one', 'other'].map((name) => join(host.root, name))
  assert.deepEqual([host.packTo(one).made, host.packTo(other).made, host.packTo(one).made], [2, 2, 0])
  assert.equal(readFileSync(join(one, sums), 'utf8'), readFileSync(join(other, sums), 'utf8'))
  appendFileSync(join(one, `release-${packed[5]}.tar.zst`), 'x')
  assert.equal(host.packTo(one).made, 1, 'what is broken is made again')
})

test('what ran last is kept however much came since and never ran, and so is what runs', async (t) => {
  const host = await startHost(t)
  const releases = releasesIn(host.root)
  const bring = async () => releases.unpack(host.pack().archive)
  const first = await bring()
  await releases.switchTo(first)
  const never = [await bring(), await bring(), await bring(), await bring(), await bring()]
  const second = await bring()
  await releases.switchTo(second)
  assert.deepEqual((await releases.prune()).sort(), never.slice(0, 2).sort())
  await releases.switchTo(first)

  // As a playbook leads the link elsewhere.
  rmSync(join(host.root, 'current'))
  symlinkSync(`releases/${never[2]}`, join(host.root, 'current'))
  await bring()
  const said = t.mock.method(console, 'log', () => undefined)
  assert.equal(await pruneCommand.run(['--root', host.root], {}), 0)
  assert.equal(said.mock.calls[0]?.arguments[0], `Removed: ${never[3]}.`)
  assert.equal(await pruneCommand.run(['--root', host.root], {}), 0)
  assert.equal(said.mock.calls[1]?.arguments[0], 'Removed: none.')
})

test('of what was packed the last ten releases stay, with their packages', async (t) => {
  const host = await startHost(t)
  const out = join(host.root, 'out')
  mkdirSync(out)
  for (let count = 1; count <= 12; count += 1) {
    const [release, modules] = [`release-${count}.tar.zst`, `modules-${count % 6}.tar.zst`]
    for (const name of [release, modules]) writeFileSync(join(out, name), '')
    writeFileSync(join(out, `release-${count}.sha256`), `0  ${release}\n0  ${modules}\n`)
    utimesSync(join(out, `release-${count}.sha256`), count, count)
  }
  writeFileSync(join(out, 'modules-none.tar.zst'), '')
  const { release } = host.pack()
  host.packTo(out)

  const left = readdirSync(out)
  const kept = left.filter((name) => name.endsWith('.sha256')).sort()
  const expected = [4, 5, 6, 7, 8, 9, 10, 11, 12, release].map((name) => `release-${name}.sha256`)
  assert.deepEqual(kept, expected.sort())
  assert.ok(kept.every((name) => left.includes(name.replace('.sha256', '.tar.zst'))))
  assert.equal(left.filter((name) => name.startsWith('release-')).length, 20)
  const packages = left.filter((name) => name.startsWith('modules-'))
  assert.deepEqual([packages.length, packages.includes('modules-none.tar.zst')], [7, false])
})
