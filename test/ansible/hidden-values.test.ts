import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { createRedaction } from '../../src/lib/redaction.ts'
import { runPlaybook } from '../support/ansible.ts'

const KEY =
  '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END KEY-----\n'
const VAULT = {
  vault_database_passwords: { app_rw: 'open sesame', migrator: 'it\'s "quoted" \\ and: so on' },
  vault_app_keys: [{ id: 'first key', key: 'bm90IGEgcmVhbCBrZXkgYXQgYWxs' }],
  vault_deploy_ssh_key: KEY,
  vault_metrics_token: '{{ "made " ~ "of parts" }}',
  site_name: 'The name of the site',
}

interface Task {
  name: string
  loop: { path: string; content: string }[]
  no_log: boolean
  'ansible.builtin.copy': Record<string, string>
}

test('the deploy server is told every value of the vault, to hide it in what runs say', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-hidden-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const tasks = parse(readFileSync('ansible/roles/deploy_server/tasks/main.yml', 'utf8')) as Task[]
  const task = tasks.find(({ name }) => name === 'Bring its secrets')
  assert.ok(task?.no_log)
  const file = join(folder, 'hidden')
  const { owner: _, group: __, ...copy } = task['ansible.builtin.copy']
  const loop = task.loop
    .filter(({ path }) => path.endsWith('/.hidden'))
    .map((item) => ({ ...item, path: file }))
  assert.equal(loop.length, 1)
  const only = { ...task, loop, 'ansible.builtin.copy': copy }
  writeFileSync(join(folder, 'vault.json'), JSON.stringify(VAULT))
  writeFileSync(
    join(folder, 'play.yml'),
    JSON.stringify([{ hosts: 'all', gather_facts: false, vars_files: ['vault.json'], tasks: [only] }]),
  )
  writeFileSync(
    join(folder, 'hosts'),
    'deploy ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n',
  )
  const run = await runPlaybook(t, folder, ['-i', 'hosts', 'play.yml'])
  if (!run) return
  assert.equal(run.status, 0, run.output)
  assert.equal(statSync(file).mode & 0o777, 0o400)

  const lines = readFileSync(file, 'utf8').split('\n')
  const redact = createRedaction(lines)
  for (const secret of [
    'open sesame',
    VAULT.vault_database_passwords.migrator,
    'bm90IGEgcmVhbCBrZXkgYXQgYWxs',
    'made of parts',
  ])
    assert.equal(redact(secret), '[secret]', lines.join('\n'))
  assert.ok(!redact(JSON.stringify(KEY)).includes('MIIE'))
  assert.equal(redact('migrator of The name of the site'), 'migrator of The name of the site')
})
