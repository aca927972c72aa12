import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { startProgram } from '../support/started-site.ts'

const BOOTSTRAP = resolve('src/bin/bootstrap.js')

/** A project without dependencies, whose script prints its arguments and ends with the first. */
function newProject(
  t: TestContext,
  script = 'console.log(process.argv.slice(2).join("+")); process.exitCode = Number(process.argv[2] ?? 0)',
) {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-bootstrap-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const project = { name: 'tiny', version: '1.0.0', private: true }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project))
  const lock = { ...project, lockfileVersion: 3, requires: true, packages: { '': project } }
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  writeFileSync(join(folder, 'script.ts'), script)
  return folder
}

const run = (folder: string, ...args: string[]) => startProgram(BOOTSTRAP, args, {}, folder)

test('the first run installs, the next ones only run the script, with its arguments and status', async (t) => {
  const folder = newProject(t)
  const first = run(folder, 'script.ts', '0', 'two')
  assert.equal(await first.ends(), 0)
  assert.match(
    first.output(),
    /Installing the locked packages[\s\S]*Installed in [\d.]+ s, [\d.]+ MB fetched[\s\S]*0\+two/,
  )
  const second = run(folder, 'script.ts', '3')
  assert.equal(await second.ends(), 3)
  assert.equal(second.output().trim(), '3')
})

test('development packages, or another lockfile, are a reason to install again', async (t) => {
  const folder = newProject(t)
  await run(folder, 'script.ts').ends()
  const withDev = run(folder, '--with-dev', 'script.ts')
  assert.equal(await withDev.ends(), 0)
  assert.match(withDev.output(), /Installing/)
  const lock = join(folder, 'package-lock.json')
  writeFileSync(lock, `${readFileSync(lock, 'utf8')}\n`)
  const changed = run(folder, 'script.ts')
  await changed.ends()
  assert.match(changed.output(), /Installing/)
})

test('of two that begin at once one installs, and both run', async (t) => {
  const folder = newProject(t)
  const both = [run(folder, 'script.ts', '0', 'a'), run(folder, 'script.ts', '0', 'b')]
  assert.deepEqual(await Promise.all(both.map((one) => one.ends())), [0, 0])
  const output = both.map((one) => one.output()).join('')
  assert.equal(output.match(/Installing/g)?.length, 1)
  assert.match(output, /0\+a/)
  assert.match(output, /0\+b/)
})

test('an installation that fails ends the run, and the next one tries again', async (t) => {
  const folder = newProject(t)
  const lock = join(folder, 'package-lock.json')
  const good = readFileSync(lock, 'utf8')
  writeFileSync(lock, '{"lockfileVersion": 3')
  const broken = run(folder, 'script.ts')
  assert.notEqual(await broken.ends(), 0)
  writeFileSync(lock, good)
  // As a run leaves it that was killed while it installed.
  writeFileSync(join(folder, 'node_modules.lock'), String(2 ** 22 + 1))
  assert.equal(await run(folder, 'script.ts').ends(), 0)
})

test('without a script it says how it is used', () => {
  const { status, stderr } = spawnSync(process.execPath, [BOOTSTRAP], { encoding: 'utf8' })
  assert.equal(status, 2)
  assert.match(stderr, /^Usage: /)
})

test('a signal reaches the script, whose ending is the run’s', async (t) => {
  const folder = newProject(
    t,
    `process.on('SIGTERM', () => process.exit(7))
     process.on('SIGINT', () => { console.log('SIGINT'); setTimeout(() => process.exit(8), 500) })
     setInterval(() => {}, 1000); console.log('script runs')`,
  )
  const program = run(folder, 'script.ts')
  await program.prints('script runs')
  program.child.kill('SIGTERM')
  assert.equal(await program.ends(), 7)

  const interrupted = run(folder, 'script.ts')
  await interrupted.prints('script runs')
  interrupted.child.kill('SIGINT')
  await interrupted.prints('SIGINT')
  interrupted.child.kill('SIGINT')
  assert.equal(await interrupted.ends(), 8)
  assert.equal(interrupted.output().match(/SIGINT/g)?.length, 1, 'it is told once')
})

test('packages are added at an exact version', async (t) => {
  const folder = newProject(t)
  const local = newProject(t)
  const program = run(folder, '--add', local)
  assert.equal(await program.ends(), 0)
  assert.match(readFileSync(join(folder, 'package.json'), 'utf8'), /"tiny"/)
})
