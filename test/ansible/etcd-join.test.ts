import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const SCRIPT = 'ansible.builtin.script'
type Task = { readonly [SCRIPT]?: { readonly cmd: string } }

const program = fileURLToPath(new URL('../../ansible/roles/etcd/files/take-etcd-place', import.meta.url))
const peer = (host: number) => `https://10.0.0.${host}:2380`
const member = (id: string, host: number, name = `db${host}`) =>
  `${id}, started, ${name}, ${peer(host)}, https://10.0.0.${host}:2379, false`

// Ansible replaces it by where the script was copied to, wherever it stands.
test('the name of the script is in no other word of its command', () => {
  const tasks = parse(readFileSync('ansible/roles/etcd/tasks/main.yml', 'utf8')) as Task[]
  const vars = parse(readFileSync('ansible/roles/etcd/vars/main.yml', 'utf8')) as Record<string, string>
  const command = tasks.find((task) => task[SCRIPT])?.[SCRIPT]?.cmd ?? ''
  const [name = ''] = command.split(' ')
  const file = vars['etcd_joins_file'] ?? ''
  assert.equal(command.replace('{{ etcd_joins_file }}', file).split(name).length, 2)
})

test('where no other member answers all begin together', (t) => {
  const { calls, said, status } = run(t, { members: undefined, own: 1, wanted: [1, 2, 3] })
  assert.equal(status, 0)
  assert.equal(said, '')
  assert.deepEqual(calls, ['etcdctl --dial-timeout=2s --command-timeout=5s member list'])
})

test('a host that was installed anew takes the place it had', (t) => {
  const members = [member('a1', 1), member('b2', 2), member('c3', 3)]
  const { calls, said, told } = run(t, { members, own: 1, wanted: [1, 2, 3] })
  assert.deepEqual(calls.slice(1), [
    'systemctl stop etcd',
    'systemctl daemon-reload',
    'etcdctl member remove a1',
    `etcdctl member add db1 --peer-urls=${peer(1)}`,
    'systemctl start etcd',
  ])
  assert.equal(said, 'joined\n')
  assert.equal(told, 'ETCD_INITIAL_CLUSTER="from member add"\nETCD_INITIAL_CLUSTER_STATE="existing"\n')
})

test('a host in place of a lost one has that removed, and no other', (t) => {
  const members = [member('a1', 1), member('b2', 2), member('c3', 3)]
  const { calls } = run(t, { members, own: 4, wanted: [2, 3, 4] })
  assert.deepEqual(
    calls.filter((call) => call.includes('member remove') || call.includes('member add')),
    ['etcdctl member remove a1', `etcdctl member add db4 --peer-urls=${peer(4)}`],
  )
})

test('one that was added and never started is added anew', (t) => {
  const members = [member('b2', 2), member('c3', 3), `d4, unstarted, , ${peer(4)}, , false`]
  const { calls } = run(t, { members, own: 4, wanted: [2, 3, 4] })
  assert.ok(calls.includes('etcdctl member remove d4'))
})

interface Case {
  /** What the other members say; nothing when none answers. */
  readonly members: readonly string[] | undefined
  readonly own: number
  readonly wanted: readonly number[]
}

/** Runs it with programs that write down how they are called. */
function run(t: TestContext, { members, own, wanted }: Case) {
  const folder = mkdtempSync(join(tmpdir(), 'mh-etcd-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const file = join(folder, 'joins')
  const answers = members === undefined ? 'exit 1' : `cat <<'MEMBERS'\n${members.join('\n')}\nMEMBERS`
  const programs = {
    etcdctl: `case "$*" in
      *"member list") ${answers}
        ;;
      *"member add"*) printf 'Member added\\n\\nETCD_NAME="x"\\nETCD_INITIAL_CLUSTER="from member add"\\nETCD_INITIAL_CLUSTER_STATE="existing"\\n' ;;
    esac`,
    systemctl: `[ "$1" != start ] || cp '${file}' '${folder}/told'`,
  }
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/bash\necho "${name} $*" >>'${folder}/calls'\n${body}\n`)
    chmodSync(join(folder, name), 0o755)
  }
  const { status, stdout } = spawnSync(program, [file, `db${own}`, peer(own), ...wanted.map(peer)], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
  })
  assert.equal(existsSync(file), false, 'it is read once')
  const told = join(folder, 'told')
  return {
    status,
    said: stdout,
    calls: readFileSync(join(folder, 'calls'), 'utf8').trimEnd().split('\n'),
    told: existsSync(told) ? readFileSync(told, 'utf8') : '',
  }
}
