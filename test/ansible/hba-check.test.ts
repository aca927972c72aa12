import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { renderRole } from '../support/rendered.ts'

test('who may come in is told to PostgreSQL only when it would start with that', (t) => {
  if (!existsSync('/usr/lib/postgresql/15/bin')) {
    t.skip('PostgreSQL is not here: sudo apt-get install postgresql-15')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'mh-hba-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  // Who is not root runs everything.
  mkdirSync(join(folder, 'bin'))
  if (process.getuid?.() !== 0) {
    for (const [name, script] of Object.entries({ runuser: 'shift 3; exec "$@"', chown: ':' }))
      writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  const text = renderRole('postgres', 'manyhands-check-hba.j2', {})
  const program = join(folder, 'check')
  const tried = join(folder, 'tried')
  mkdirSync(tried)
  // Another account goes through it.
  for (const path of [folder, tried]) spawnSync('chmod', ['755', path])
  writeFileSync(program, text.replaceAll('/run/postgres-check', `${tried}/check`), { mode: 0o755 })
  const check = (lines: string) => {
    const env = { ...process.env, PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` }
    const { status, stderr } = spawnSync(program, { input: lines, env, encoding: 'utf8' })
    assert.deepEqual(readdirSync(tried), [], 'nothing is left behind')
    return { status, stderr }
  }

  const good = 'local all postgres peer\nhostssl replication replicator 10.0.0.12/32 scram-sha-256\n'
  assert.deepEqual(check(good), { status: 0, stderr: '' })
  const wrong = check(`${good}host all all 10.0.0.0/99 scram-sha-256\n`)
  assert.equal(wrong.status, 1)
  assert.match(wrong.stderr, /invalid CIDR mask in address "10.0.0.0\/99"\n.*line 3 of configuration file/)
  assert.match(check('').stderr, /contains no entries/)
})
