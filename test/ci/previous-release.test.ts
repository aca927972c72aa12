import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

test('the release before a branch, or before a commit of main, is tested on the new schema', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-previous-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.org', ...args], {
      cwd: folder,
      encoding: 'utf8',
    }).trim()
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const commit = (name: string, text: string) => {
    write(name, text)
    git('add', '.')
    git('commit', '--quiet', '-m', name)
    return git('rev-parse', 'HEAD')
  }
  // Its tests fail where there is a migration that they cannot live with.
  write('bin/npm', '#!/bin/sh\n[ "$(cat code)" = one ] && ! ls src/migrations | grep -q bad\n')
  execFileSync('chmod', ['+x', join(folder, 'bin/npm')])
  mkdirSync(join(folder, '.ci'))
  copyFileSync('.ci/previous-release', join(folder, '.ci/previous-release'))
  const run = () => {
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` }
    const { status, stdout, stderr } = spawnSync(join(folder, '.ci/previous-release'), {
      env,
      encoding: 'utf8',
    })
    return { status, output: stdout + stderr }
  }
  git('init', '--quiet', '--initial-branch=main')
  write('code', 'one')
  const first = commit('src/migrations/0001-a.sql', '')
  git('switch', '--quiet', '--create', 'branch')
  commit('code', 'two')
  assert.match(run().output, /The schema is that of/)
  commit('src/migrations/0002-good.sql', '')
  commit('other', '')
  const good = run()
  assert.equal(good.status, 0, good.output)
  assert.match(good.output, new RegExp(`the tests of ${first} on the schema`))
  commit('src/migrations/0003-bad.sql', '')
  assert.equal(run().status, 1)

  git('switch', '--quiet', 'main')
  git('-c', 'user.name=A', 'merge', '--quiet', '--no-ff', '-m', 'Merged', 'branch')
  const merged = run()
  assert.match(merged.output, new RegExp(`the tests of ${first} on the schema`))
  assert.equal(merged.status, 1)
})
