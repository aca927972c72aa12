import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { AS_JSON, firstTasks, runPlaybook } from '../support/ansible.ts'

const ansible = fileURLToPath(new URL('../../ansible', import.meta.url))

interface Told {
  readonly site_listens_on: string
  readonly pgbouncer_listen_address: string
  readonly postgres_listen_addresses: string
  readonly haproxy_databases: readonly {
    readonly name: string
    readonly address: string
    readonly role: string
  }[]
  readonly haproxy_web_servers: readonly { readonly name: string; readonly address: string }[]
  readonly postgres_hba: readonly string[]
  readonly postgres_copy_settings: Readonly<Record<string, unknown>>
  readonly site_keeps_backups: boolean
}
const ASKED: readonly (keyof Told)[] = [
  'site_listens_on',
  'pgbouncer_listen_address',
  'postgres_listen_addresses',
  'haproxy_databases',
  'haproxy_web_servers',
  'postgres_hba',
  'postgres_copy_settings',
  'site_keeps_backups',
]

interface Inventory {
  readonly all: {
    readonly hosts: Record<string, Record<string, unknown>>
    readonly children: Record<string, { readonly hosts: Record<string, unknown> }>
  }
}

interface Play {
  readonly pre_tasks?: readonly Record<string, unknown>[]
  readonly roles?: readonly { readonly role: string; readonly vars?: Readonly<Record<string, unknown>> }[]
}

test('a single host keeps its database to itself', async (t) => {
  const site = (await askHosts(t, () => undefined))?.get('site')
  if (!site) return
  assert.equal(site.site_listens_on, '127.0.0.1')
  assert.equal(site.pgbouncer_listen_address, '127.0.0.1')
  assert.equal(site.postgres_listen_addresses, '127.0.0.1')
  assert.deepEqual(site.postgres_copy_settings, {})
  assert.equal(site.site_keeps_backups, true)
})

test('a second host of the databases copies the first, which goes on finding its own where it was', async (t) => {
  const hosts = await askHosts(t, ({ all }) => {
    all.hosts['site'] = { ansible_connection: 'local', ansible_host: '10.0.0.11' }
    all.hosts['second'] = { ansible_host: '10.0.0.12' }
    const databases = all.children['databases']
    assert.ok(databases)
    databases.hosts['second'] = null
  })
  if (!hosts) return
  const [first, second] = [hosts.get('site'), hosts.get('second')]
  assert.ok(first && second)

  assert.deepEqual(first.haproxy_databases, [
    { name: 'site', address: '127.0.0.1', role: 'primary' },
    { name: 'second', address: '10.0.0.12', role: 'replica' },
  ])
  assert.deepEqual(
    first.haproxy_web_servers.map(({ address }) => address),
    ['127.0.0.1'],
  )
  assert.equal(first.site_listens_on, '0.0.0.0')
  for (const host of [first, second]) {
    assert.equal(host.pgbouncer_listen_address, '0.0.0.0')
    assert.equal(host.postgres_listen_addresses, '*')
  }
  assert.ok(first.postgres_hba.includes('hostssl replication replicator 10.0.0.12/32 scram-sha-256'))
  assert.deepEqual(first.postgres_copy_settings, { wal_keep_size: '2GB' })
  const { primary_conninfo: way, max_connections: connections } = second.postgres_copy_settings
  assert.match(String(way), /^host=10\.0\.0\.11 .* sslmode=require channel_binding=require .*=second$/)
  // As many as the primary was started with, which has more than this host would need.
  assert.equal(connections, 400)
  assert.deepEqual([first.site_keeps_backups, second.site_keeps_backups], [true, false])
})

test('no read goes to the first copy while there are processes that do not know of it', async (t) => {
  const asked = (statuses: number[]) => ({
    site_asked_processes: {
      results: [
        { unreachable: true },
        ...statuses.map((rc) => ({ rc, stdout: rc === 1 ? '' : '/proc/1/environ' })),
      ],
    },
    site_leaves_copies_out: '{{ site_some_know_no_copies }}',
  })
  for (const [statuses, expected] of [
    [[1, 0], ['site']],
    // There was one, and others that could not be read.
    [[1, 2], ['site']],
    [
      [1, 1],
      ['site', 'second'],
    ],
  ] as const) {
    const hosts = await askHosts(t, ({ all }) => {
      all.hosts['site'] = { ansible_connection: 'local', ansible_host: '10.0.0.11', ...asked([...statuses]) }
      all.hosts['second'] = { ansible_host: '10.0.0.12' }
      const databases = all.children['databases']
      assert.ok(databases)
      databases.hosts['second'] = null
    })
    if (!hosts) return
    assert.deepEqual(
      hosts.get('site')?.haproxy_databases.map(({ name }) => name),
      expected,
    )
  }
  const ways = (parse(readFileSync(join(ansible, 'site.yml'), 'utf8')) as Play[]).filter(({ roles = [] }) =>
    roles.some(({ role }) => role === 'haproxy'),
  )
  assert.equal(ways.length, 2)
  for (const { pre_tasks: [ask] = [], roles: [haproxy] = [] } of ways) {
    assert.equal(ask?.['ansible.builtin.import_tasks'], 'tasks/ask-processes.yml')
    assert.deepEqual(haproxy?.vars, { site_leaves_copies_out: '{{ site_some_know_no_copies }}' })
  }
})

test('a second host without an address is refused before anything is changed', async (t) => {
  const said = await play(
    t,
    ({ all }) => {
      all.hosts['second'] = { ansible_host: '10.0.0.12' }
    },
    sitesFirstChecks(),
  )
  if (!said) return
  assert.notEqual(said.status, 0)
  assert.match(said.stdout, /site has no address by which the others reach it/)
})

test('two primaries are refused before anything is changed', async (t) => {
  const said = await play(
    t,
    ({ all }) => {
      all.hosts['site'] = { ansible_connection: 'local', ansible_host: '10.0.0.11' }
      all.hosts['second'] = { ansible_connection: 'local', ansible_host: '10.0.0.12' }
      const databases = all.children['databases']
      assert.ok(databases)
      databases.hosts['second'] = { postgres_role: 'primary' }
    },
    sitesFirstChecks(),
  )
  if (!said) return
  assert.notEqual(said.status, 0)
  assert.match(said.stdout, /Here it is site, second\./)
})

test('two hosts that work and share no files are refused before anything is changed', async (t) => {
  const more = (values: object) => (inventory: Inventory) => {
    inventory.all.hosts['site'] = { ansible_connection: 'local', ansible_host: '10.0.0.11', ...values }
    inventory.all.hosts['second'] = { ansible_connection: 'local', ansible_host: '10.0.0.12' }
    const workers = inventory.all.children['workers']
    assert.ok(workers)
    workers.hosts['second'] = null
  }
  const bucket = { site_settings: { S3_BUCKET: 'birds' } }
  const [refused, ...allowed] = await Promise.all(
    [{}, bucket, { site_has_shared_disk: true }].map((values) => play(t, more(values), sitesFirstChecks())),
  )
  if (!refused) return
  assert.match(refused.stdout, /Several hosts serve or work \(site, second\), and nothing brings/)
  assert.deepEqual(
    allowed.map((said) => said?.status),
    [0, 0],
  )
})

test('HAProxy leads to all web processes, also of a host that the run does not ask', async (t) => {
  const facts = { ansible_processor_vcpus: 3, ansible_memtotal_mb: 2100 }
  const namesOf = async (second: Record<string, unknown>, settings: Record<string, unknown> = {}) => {
    const hosts = await askHosts(t, ({ all }) => {
      all.hosts['site'] = {
        ...{ ansible_connection: 'local', ansible_host: '10.0.0.11', ...facts, ...settings },
      }
      all.hosts['second'] = { ansible_host: '10.0.0.12', ...second, ...settings }
      const app = all.children['app']
      assert.ok(app)
      app.hosts['second'] = null
    })
    return hosts?.get('site')?.haproxy_web_servers.map(({ name }) => name)
  }
  const first = ['site-3001', 'site-3002']
  const told = await namesOf({ ...facts, ansible_memtotal_mb: 1024 })
  if (!told) return
  assert.deepEqual(told, [...first, 'second-3001'])
  assert.deepEqual(await namesOf({}), [...first, 'second-3001', 'second-3002'])
  assert.deepEqual(await namesOf({}, { site_web_processes: 1 }), ['site-3001', 'second-3001'])
})

test('backups where services may not write are refused before anything is changed', async (t) => {
  const kept = async (values: object) =>
    play(
      t,
      ({ all }) => {
        all.hosts['site'] = { ansible_connection: 'local', ...values }
      },
      sitesFirstChecks(),
    )
  const said = await Promise.all(
    [
      { site_backup_folder: '/home/backups' },
      { pgbackrest_second_repository: { type: 'posix', path: '/tmp' } },
      { site_backup_folder: '/srv/backups', pgbackrest_second_repository: { path: '/rooted' } },
      { pgbackrest_second_repository: { type: 's3', path: '/home' } },
    ].map(kept),
  )
  if (!said[0]) return
  assert.match(said[0].stdout, /cannot be kept in \/home\/backups/)
  assert.match(said[1]?.stdout ?? '', /cannot be kept in \/tmp/)
  assert.deepEqual(
    said.slice(2).map((one) => one?.status),
    [0, 0],
  )
})

function sitesFirstChecks(): unknown[] {
  const [first] = parse(readFileSync(join(ansible, 'site.yml'), 'utf8')) as { pre_tasks: unknown[] }[]
  return first?.pre_tasks ?? []
}

/** What each host of the profile "single", changed, is told; nothing where Ansible is not. */
async function askHosts(
  t: TestContext,
  change: (inventory: Inventory) => void,
): Promise<ReadonlyMap<string, Told> | undefined> {
  const what = Object.fromEntries(ASKED.map((name) => [name, `{{ ${name} }}`]))
  const said = await play(t, change, [{ 'ansible.builtin.debug': { msg: what } }])
  if (!said) return undefined
  assert.equal(said.status, 0, said.output)
  const [hosts = {}] = firstTasks<{ msg: Told }>(said.stdout)
  return new Map(Object.entries(hosts).map(([host, { msg }]) => [host, msg]))
}

function play(t: TestContext, change: (inventory: Inventory) => void, tasks: readonly unknown[]) {
  const folder = mkdtempSync(join(tmpdir(), 'mh-replica-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  cpSync(join(ansible, 'group_vars'), join(folder, 'group_vars'), { recursive: true })
  cpSync(join(ansible, 'inventories/single'), join(folder, 'site'), { recursive: true })
  const inventory = parse(readFileSync(join(folder, 'site/hosts.yml'), 'utf8')) as Inventory
  change(inventory)
  // YAML 1.2 is a superset of JSON.
  writeFileSync(join(folder, 'site/hosts.yml'), JSON.stringify(inventory))
  const roles = ['postgres', 'pgbouncer', 'web', 'pgbackrest']
  const vars = {
    ansible_memtotal_mb: 1000,
    ansible_processor_vcpus: 1,
    vault_patroni_passwords: { replicator: 'sesame', ledger: 'sesame' },
    vault_database_passwords: {},
    postgres_copied_settings: {
      stdout: 'max_connections setting:              400\nmax_worker_processes setting: 8',
    },
  }
  const defaults = roles.map((role) => join(ansible, 'roles', role, 'defaults/main.yml'))
  const files = [...defaults, join(ansible, 'roles/postgres/vars/main.yml')]
  // Role defaults give way to the variables of groups and hosts, and files of a play do not.
  const own = Object.assign({}, ...files.map((file) => parse(readFileSync(file, 'utf8')) as object)) as object
  const groups = parse(readFileSync(join(folder, 'group_vars/all/main.yml'), 'utf8')) as object
  const theirs = Object.assign({}, groups, ...Object.values(inventory.all.hosts)) as object
  const rest = Object.fromEntries(Object.entries(own).filter(([name]) => !(name in theirs)))
  writeFileSync(
    join(folder, 'play.yml'),
    JSON.stringify([{ hosts: 'all', gather_facts: false, vars: { ...rest, ...vars }, tasks }]),
  )
  return runPlaybook(t, folder, ['-i', 'site', 'play.yml'], AS_JSON)
}
