import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { AS_JSON, firstTasks, runPlaybook } from '../support/ansible.ts'

const role = fileURLToPath(new URL('../../ansible/roles/leaving', import.meta.url))

interface Play {
  readonly hosts?: string
  readonly roles?: readonly {
    readonly role: string
    readonly vars?: { readonly leaving_units?: readonly { readonly unit: string }[] }
  }[]
}

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
    ...['nginx', String.raw`manyhands-web@\d+`, 'manyhands-worker'],
    ...['manyhands-scheduler', 'haproxy'],
  ]
  assert.deepEqual(ended.get('nowhere'), [...application, 'manyhands-files', ...databases])
  assert.deepEqual(ended.get('database'), application)
  assert.deepEqual(ended.get('application'), databases)
})

test('a host that leaves gives the floating address away before its peers forget it', () => {
  const plays = parse(readFileSync(join(role, '../../site.yml'), 'utf8')) as Play[]
  const ended = plays.findIndex(
    ({ hosts, roles }) => hosts === 'leaving' && unitsOf(roles).includes('keepalived'),
  )
  const peers = plays.findIndex(({ roles }) => roles?.some((one) => one.role === 'keepalived'))
  assert.ok(ended !== -1 && ended < peers, `${ended}, ${peers}`)
})

function unitsOf(roles: Play['roles'] = []): readonly string[] {
  return roles.flatMap(({ vars }) => vars?.leaving_units ?? []).map(({ unit }) => unit)
}

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
