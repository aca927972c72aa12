import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { AS_JSON, firstTasks, runPlaybook } from '../support/ansible.ts'

const role = fileURLToPath(new URL('../../ansible/roles/leaving', import.meta.url))

/** Hosts that leave, by the groups that each stays in. */
const STAYS = {
  nowhere: [],
  database: ['databases', 'backup'],
  application: ['app', 'workers', 'schedulers', 'balancers'],
}

test('a host that leaves keeps what the groups need in which it stays', async (t) => {
  const ended = await askAnsible(t)
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
async function askAnsible(t: TestContext): Promise<ReadonlyMap<string, unknown> | undefined> {
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
  const played = await runPlaybook(t, folder, ['-i', 'hosts', 'play.yml'], AS_JSON)
  if (!played) return undefined
  assert.equal(played.status, 0, played.output)
  const [hosts = {}] = firstTasks<{ leaving_ended: unknown }>(played.stdout)
  return new Map(Object.entries(hosts).map(([host, said]) => [host, said.leaving_ended]))
}
