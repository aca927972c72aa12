import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const role = fileURLToPath(new URL('../../ansible/roles/leaving', import.meta.url))

/** Hosts that leave, by the groups that each stays in. */
const STAYS = {
  nowhere: [],
  database: ['databases', 'backup'],
  application: ['app', 'workers', 'schedulers', 'balancers'],
}

test('a host that leaves keeps what the groups need in which it stays', (t) => {
  const ended = askAnsible(t)
  if (!ended) return
  const databases = ['pgbouncer', 'patroni', String.raw`postgresql@\d+-main`]
  const application = [
    ...['keepalived', 'nginx', String.raw`manyhands-web@\d+`],
    ...['manyhands-worker', 'manyhands-scheduler', 'haproxy'],
  ]
  assert.deepEqual(ended.get('nowhere'), [...application, 'manyhands-files', ...databases])
  assert.deepEqual(ended.get('database'), application)
  assert.deepEqual(ended.get('application'), databases)
})

/** What the role ends on each host, as Ansible makes of its variables. */
function askAnsible(t: TestContext): ReadonlyMap<string, unknown> | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'mh-leaving-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const groups = Object.entries(STAYS).flatMap(([host, names]) =>
    ['leaving', ...names].map((name) => `[${name}]\n${host}\n`),
  )
  const files = ['defaults', 'vars'].map((name) => join(role, name, 'main.yml'))
  const play = {
    hosts: 'leaving',
    gather_facts: false,
    vars_files: files,
    tasks: [{ 'ansible.builtin.debug': { var: 'leaving_ended' } }],
  }
  writeFileSync(join(folder, 'hosts'), groups.join(''))
  writeFileSync(join(folder, 'play.yml'), JSON.stringify([play]))
  const { error, status, stdout, stderr } = spawnSync('ansible-playbook', ['-i', 'hosts', 'play.yml'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ANSIBLE_STDOUT_CALLBACK: 'json', ANSIBLE_LOCAL_TEMP: folder },
  })
  if (error) {
    t.skip('Ansible is not here: sudo apt-get install ansible')
    return undefined
  }
  assert.equal(status, 0, stdout + stderr)
  const { plays } = JSON.parse(stdout) as {
    plays: { tasks: { hosts: Record<string, { leaving_ended: unknown }> }[] }[]
  }
  const hosts = plays[0]?.tasks[0]?.hosts ?? {}
  return new Map(Object.entries(hosts).map(([host, said]) => [host, said.leaving_ended]))
}
