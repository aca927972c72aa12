import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { parse } from 'yaml'
import { runPlaybook } from '../support/ansible.ts'

const RELEASE = 'a'.repeat(40)
const PLAY = 'What the processes run'

interface Play {
  name: string
  pre_tasks: Record<string, { path?: string }>[]
  roles: { vars: Record<string, string> }[]
}

/** What site.yml brings to a new host that it is limited to; of the others one cannot be reached. */
async function chosenFor(t: TestContext, args: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-new-host-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  // As a host has it.
  mkdirSync(join(folder, 'worker1/releases', RELEASE), { recursive: true })
  symlinkSync(`releases/${RELEASE}`, join(folder, 'worker1/current'))
  const plays = parse(readFileSync('ansible/site.yml', 'utf8')) as Play[]
  const play = plays.find(({ name }) => name === PLAY)
  assert.ok(play)
  const stat = play.pre_tasks[0]?.['ansible.builtin.stat']
  assert.ok(stat)
  stat.path = `${folder}/{{ site_host }}/current`
  const vars = { ...play.roles[0]?.vars }
  const say = { 'ansible.builtin.debug': { msg: 'It gets {{ node_runtime_commit }}.' }, vars }
  const made = { ...play, become: false, gather_facts: false, roles: [], tasks: [say] }
  writeFileSync(join(folder, 'play.yml'), JSON.stringify([made]))
  const here = { ansible_connection: 'local', ansible_python_interpreter: '/usr/bin/python3' }
  const hosts = {
    app: { hosts: { app1: { ansible_host: '127.0.0.1', ansible_port: 1 }, app2: here } },
    workers: { hosts: { worker1: here } },
    schedulers: { hosts: { worker1: null } },
  }
  writeFileSync(join(folder, 'hosts.json'), JSON.stringify(hosts))
  return runPlaybook(t, folder, ['-i', 'hosts.json', 'play.yml', ...args])
}

test('a new host gets the release that the others run, also when the run is limited to it', async (t) => {
  const [limited, whole, named] = await Promise.all([
    chosenFor(t, ['--limit', 'app2']),
    chosenFor(t, []),
    chosenFor(t, ['--limit', 'app2', '--extra-vars', `release=${'b'.repeat(40)}`]),
  ])
  if (!limited || !whole || !named) return
  assert.match(limited.output, new RegExp(`It gets ${RELEASE}\\.`), limited.output)
  assert.equal(limited.status, 0, limited.output)
  assert.match(whole.output, new RegExp(`It gets ${RELEASE}\\.`))
  assert.match(named.output, /It gets b{40}\./)
})
