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
})
