import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { runPlaybook } from '../support/ansible.ts'

const RELEASE = 'a'.repeat(40)

/** What each host's command says and does; one of them cannot be reached. */
const HOSTS = ['app1', 'app2', 'app3', 'worker1']
const AWAY = 'app2'
const MANYHANDS = `#!/bin/sh
echo "$HOST $3" >> "$SAID"
[ "$3 $HOST" != "switch $FAILS" ] || { echo 'no space left' >&2; exit 2; }
[ "$3" != fits ] || [ -z "$UNFIT" ] || { echo "$UNFIT" >&2; exit 1; }
`

/** Runs rollback.yml against hosts that are this machine, and one where nobody listens. */
async function rollBack(t: TestContext, { fails = '', unfit = '' }) {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-rollback-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const said = join(folder, 'said')
  const inventory = HOSTS.map((name) =>
    name === AWAY
      ? `${name} ansible_host=127.0.0.1 ansible_port=1`
      : `${name} ansible_connection=local ansible_python_interpreter=/usr/bin/python3`,
  )
  const groups = [
    '[app]',
    ...inventory.slice(0, 3),
    '[workers]',
    ...inventory.slice(3),
    '[schedulers]',
    'app1',
  ]
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'manyhands'), MANYHANDS, { mode: 0o755 })
  writeFileSync(join(folder, 'hosts'), `${groups.join('\n')}\n`)
  // Whoever they are: nobody is to become another one.
  const vars = { release: RELEASE, ansible_become: false }
  const playbook = readFileSync('ansible/rollback.yml', 'utf8')
  assert.ok(!playbook.includes('environment:'))
  const more = {
    HOST: '{{ inventory_hostname }}',
    PATH: `${bin}:${process.env['PATH']}`,
    SAID: said,
    FAILS: fails,
    UNFIT: unfit,
  }
  writeFileSync(
    join(folder, 'rollback.yml'),
    playbook.replaceAll(/^ {2}gather_facts: false$/gm, `$&\n  environment: ${JSON.stringify(more)}`),
  )
  const args = ['-i', 'hosts', 'rollback.yml', '--extra-vars', JSON.stringify(vars)]
  const run = await runPlaybook(t, folder, args, { ANSIBLE_CONFIG: resolve('ansible/ansible.cfg') })
  if (!run) return undefined
  const asked = existsSync(said) ? readFileSync(said, 'utf8').trim().split('\n') : []
  return {
    status: run.status,
    output: run.output,
    switched: asked.filter((line) => line.endsWith(' switch')).map((line) => line.split(' ')[0]),
  }
}

test('every host that can be reached goes back, and those that do not are named', async (t) => {
  const run = await rollBack(t, { fails: 'app1' })
  if (run === undefined) return
  assert.deepEqual(run.switched, ['app1', 'app3', 'worker1'], run.output)
  assert.notEqual(run.status, 0)
  assert.match(run.output, /Not back: app1 \(no space left\); app2 \(.+\)/)
})

test('no host is touched when the release cannot live with the schema', async (t) => {
  const run = await rollBack(t, { unfit: 'It could not run on the schema.' })
  if (run === undefined) return
  assert.deepEqual(run.switched, [], run.output)
  assert.notEqual(run.status, 0)
  assert.match(run.output, /It could not run on the schema\./)
})
