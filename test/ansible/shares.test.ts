import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { AS_JSON, firstTasks, runPlaybook } from '../support/ansible.ts'

const variables = fileURLToPath(new URL('../../ansible/roles/gluster/vars/main.yml', import.meta.url))
const FOLDER = '/var/lib/manyhands-files'
const KNOWN = {
  rc: 0,
  // As GlusterFS 10 says it.
  stdout: [
    'Number of Bricks: 1 x (2 + 1) = 3',
    'Bricks:',
    `Brick1: 10.0.0.21:${FOLDER}`,
    `Brick2: 10.0.0.22:${FOLDER}`,
    `Brick3: 10.0.0.31:${FOLDER} (arbiter)`,
    'Options Reconfigured:',
  ].join('\n'),
}
const UNKNOWN = { rc: 1, stdout: '' }
const ASKED = ['gluster_keeper', 'gluster_present', 'gluster_gone', 'gluster_come']

test('a new host takes the share of a lost one, told by a host that knows the volume', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mh-shares-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const site = (hosts: readonly string[]) => ({ gluster_hosts: hosts })
  const plays = [
    // The new host stands first.
    { hosts: 'app3,app2,mon1', vars: site(['10.0.0.23', '10.0.0.22', '10.0.0.31']) },
    { hosts: 'app2,mon1', vars: site(['10.0.0.22', '10.0.0.31']) },
    { hosts: 'app3', vars: site(['10.0.0.23']) },
  ].map((play) => ({
    ...play,
    gather_facts: false,
    vars_files: [variables],
    tasks: [
      {
        'ansible.builtin.debug': {
          msg: Object.fromEntries(ASKED.map((name) => [name, `{{ ${name} }}`])),
        },
        run_once: true,
      },
    ],
  }))
  const hosts = {
    app3: { gluster_volume: UNKNOWN },
    app2: { gluster_volume: KNOWN },
    mon1: { gluster_volume: KNOWN },
  }
  writeFileSync(join(folder, 'hosts.yml'), JSON.stringify({ all: { hosts } }))
  writeFileSync(join(folder, 'play.yml'), JSON.stringify(plays))
  const played = await runPlaybook(t, folder, ['-i', 'hosts.yml', 'play.yml'], AS_JSON)
  if (!played) return
  assert.equal(played.status, 0, played.output)
  const said = firstTasks<{ msg: Record<string, unknown> }>(played.stdout)
  const told = said.map((byHost) => Object.values(byHost)[0]?.msg)
  const present = ['10.0.0.21', '10.0.0.22', '10.0.0.31']
  assert.deepEqual(told, [
    {
      gluster_keeper: 'app2',
      gluster_present: present,
      gluster_gone: ['10.0.0.21'],
      gluster_come: ['10.0.0.23'],
    },
    // Nobody has come in its place yet.
    { gluster_keeper: 'app2', gluster_present: present, gluster_gone: ['10.0.0.21'], gluster_come: [] },
    // Where nobody knows a volume there is one to make.
    { gluster_keeper: 'app3', gluster_present: [], gluster_gone: [], gluster_come: [] },
  ])
})
