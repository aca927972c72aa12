import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gitCloneIn } from '../../src/platform/git-clone.ts'

test('the commits that were needed last stay, and what the others had is gone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-clone-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const origin = join(folder, 'origin')
  mkdirSync(origin)
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.org', ...args], {
      cwd: origin,
      encoding: 'utf8',
    }).trim()
  git('init', '--quiet')
  git('config', 'uploadpack.allowAnySHA1InWant', 'true')
  const commits = Array.from({ length: 41 }, (_, count) => {
    writeFileSync(join(origin, 'count'), String(count))
    git('add', '.')
    git('commit', '--quiet', '-m', String(count))
    return git('rev-parse', 'HEAD')
  })
  const [first = '', second = ''] = commits
  let isBroken = false
  const clone = gitCloneIn(
    folder,
    { url: `file://${origin}`, environment: {} },
    async ([program, ...args]) => {
      if (isBroken) throw new Error('no space left')
      await promisify(execFile)(program, args)
    },
  )
  const names = () => readdirSync(join(folder, 'repository.git/refs/releases'))
  const has = (commit: string) => {
    try {
      execFileSync('git', ['-C', join(folder, 'repository.git'), 'cat-file', '-e', commit], {
        stdio: 'ignore',
      })
      return true
    } catch {
      return false
    }
  }

  for (const commit of commits.slice(0, 40)) await clone.fetch(commit)
  await clone.tidy()
  assert.equal(names().length, 40)
  await sleep(20)
  for (const commit of [first, commits[40] ?? '']) await clone.fetch(commit)
  isBroken = true
  await clone.tidy()
  isBroken = false
  assert.equal(names().length, 41, 'a run does not fail for it')
  await clone.tidy()

  assert.deepEqual(names().sort(), [first, ...commits.slice(22)].sort())
  assert.deepEqual([has(first), has(second)], [true, false])
  const place = join(folder, 'place')
  mkdirSync(place)
  await clone.checkOut(first, place)
  assert.equal(readFileSync(join(place, 'count'), 'utf8'), '0')
  rmSync(place, { recursive: true })
  mkdirSync(place)
  await clone.fetch(second)
  await clone.checkOut(second, place)
  assert.ok(existsSync(join(place, 'count')))
})
