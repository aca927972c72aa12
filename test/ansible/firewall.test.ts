import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { AS_JSON, firstTasks, runPlaybook } from '../support/ansible.ts'

const ansible = fileURLToPath(new URL('../../ansible', import.meta.url))

test('who keeps data or decides who is the primary is reached only from the hosts that need it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mh-firewall-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  for (const name of ['group_vars', 'inventories'])
    cpSync(join(ansible, name), join(folder, name), { recursive: true })
  const template = join(ansible, 'roles/base/templates/nftables.conf.j2')
  const play = {
    hosts: 'all',
    gather_facts: false,
    vars: { ansible_managed: 'Managed' },
    tasks: [{ 'ansible.builtin.debug': { msg: `{{ lookup('template', '${template}') }}` } }],
  }
  writeFileSync(join(folder, 'play.yml'), JSON.stringify([play]))
  const rules = async (profile: string, host: string) => {
    const args = ['-i', `inventories/${profile}`, '--limit', host, 'play.yml']
    const played = await runPlaybook(t, folder, args, AS_JSON)
    if (!played) return undefined
    assert.equal(played.status, 0, played.output)
    const [hosts = {}] = firstTasks<{ msg: string }>(played.stdout)
    return (hosts[host]?.msg ?? '').split('\n').map((line) => line.trim())
  }
  const several = await rules('ha', 'db1')
  if (several === undefined) return
  const databases = '10.0.0.11, 10.0.0.12, 10.0.0.13'
  const application = `${databases}, 10.0.0.21, 10.0.0.22`
  const guards = several.flatMap((line) => {
    const [, friends, ports] = /^ip saddr != \{ (.*) \} tcp dport \{ (.*) \} drop$/.exec(line) ?? []
    return friends === undefined ? [] : [[ports, friends]]
  })
  assert.deepEqual(Object.fromEntries(guards), {
    2379: databases,
    2380: databases,
    5432: `${databases}, 10.0.0.31, 10.0.0.21, 10.0.0.22`,
    6432: application,
    '6379, 6380': application,
    26379: application,
  })
  const open = several.findIndex((line) => /^ip saddr \{/.test(line))
  const last = several.findLastIndex((line) => line.endsWith('drop') && line.startsWith('ip saddr'))
  assert.ok(last < open, 'they stand before the rule that lets the others in')

  // A host alone lets nobody in but to what is public.
  assert.deepEqual(
    (await rules('single', 'site'))?.filter((line) => /dport|saddr/.test(line)),
    ['tcp dport { 22, 80, 443 } accept'],
  )
})
