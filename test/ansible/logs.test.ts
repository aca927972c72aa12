import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { renderRole } from '../support/rendered.ts'

test('access logs are compressed and sent while the host is quiet, or once they have waited for long', (t) => {
  if (spawnSync('zstd', ['--version']).status !== 0) {
    t.skip('zstd is not here: sudo apt-get install zstd')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'mh-logs-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const [kept, sent] = ['kept', 'sent'].map((name) => join(folder, name)) as [string, string]
  mkdirSync(kept)
  mkdirSync(sent)
  const run = (loadPercent: number, send = `cp -t ${sent}`) => {
    const program = renderRole('logs', 'manyhands-ship-logs.j2', {
      ansible_managed: '',
      logs_folder: folder,
      logs_kept_folder: kept,
      logs_load_percent: loadPercent,
      logs_reopen_command: `touch ${folder}/access.log`,
      logs_ship_command: send,
    })
    const { status, stdout, stderr } = spawnSync('bash', ['-c', program], { encoding: 'utf8' })
    return { status, said: stdout + stderr }
  }
  const [busy, quiet] = [0, 1_000_000]

  writeFileSync(join(folder, 'access.log'), '{"path":"/"}\n')
  assert.match(run(busy).said, /Not now/)
  assert.equal(readdirSync(sent).length, 0)
  assert.notEqual(run(quiet, 'false').status, 0)
  assert.equal(run(quiet).status, 0, 'what could not be sent is sent the next time')
  const [file = ''] = readdirSync(sent)
  assert.equal(spawnSync('zstd', ['-dc', join(sent, file)], { encoding: 'utf8' }).stdout, '{"path":"/"}\n')
  writeFileSync(join(folder, 'access.log'), '{"path":"/2"}\n')
  utimesSync(join(kept, '.last'), 0, 0)
  assert.equal(run(busy).status, 0)
  assert.equal(readdirSync(sent).length, 2, 'it has waited for long enough')
  for (const [n, name] of ['access.log.1', 'access.log.2'].entries()) {
    writeFileSync(join(folder, name), `{"path":"/${name}"}\n`)
    utimesSync(join(folder, name), n, n)
  }
  spawnSync('gzip', [join(folder, 'access.log.2')])
  assert.equal(run(quiet).status, 0)
  assert.equal(readdirSync(sent).length, 4, 'what was rotated before is sent too')
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('access.log')),
    ['access.log'],
  )
})

test('what rotates logs leaves the access log to who sends it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mh-logs-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const reopen = join(folder, 'reopened')
  const rules = renderRole('logs', 'logrotate.j2', {
    logs_folder: folder,
    logs_reopen_command: `touch ${reopen}`,
  })
  const file = join(folder, 'rules')
  // The account of the web server is on hosts alone.
  writeFileSync(file, rules.replace('create 0640 www-data adm', 'create 0640'), { mode: 0o644 })
  for (const name of ['access.log', 'error.log']) writeFileSync(join(folder, name), 'x\n')
  const { error, status, stderr } = spawnSync(
    'logrotate',
    ['--force', '--state', join(folder, 'state'), file],
    {
      encoding: 'utf8',
    },
  )
  if (error) {
    t.skip('logrotate is not here: sudo apt-get install logrotate')
    return
  }
  assert.equal(status, 0, stderr)
  const names = readdirSync(folder)
  assert.ok(names.includes('reopened') && names.includes('error.log.1'), names.join())
  assert.ok(!names.includes('access.log.1'), names.join())
})
