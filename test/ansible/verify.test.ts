import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { parse } from 'yaml'
import { runPlaybook } from '../support/ansible.ts'

const RELEASE = 'a'.repeat(40)
const OTHER = 'b'.repeat(40)

async function processOf(t: TestContext, release: string): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ status: 'alive', release }))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('one process of another release is found and named, also where there are no pages', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-verify-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const [good, other, worker] = await Promise.all([RELEASE, OTHER, OTHER].map((name) => processOf(t, name)))
  const [play] = parse(readFileSync('ansible/verify.yml', 'utf8')) as { tasks: Record<string, unknown>[] }[]
  for (const task of play?.tasks ?? []) if ('retries' in task) task['retries'] = 1
  writeFileSync(join(folder, 'play.yml'), JSON.stringify([{ ...play, gather_facts: false }]))
  const host = { ansible_connection: 'local', ansible_python_interpreter: '/usr/bin/python3' }
  const hosts = {
    app1: { ...host, app_processes: [{ restart: ['web'], at: good }, { restart: ['start', 'worker'] }] },
    app2: { ...host, app_processes: [{ restart: ['web'], at: other }] },
  }
  writeFileSync(
    join(folder, 'hosts.json'),
    JSON.stringify({
      app: { hosts, vars: { app_healths: { 'start worker': worker } } },
      workers: { hosts: { app1: null } },
      schedulers: { hosts: {} },
    }),
  )
  const args = ['-i', 'hosts.json', 'play.yml', '--extra-vars', JSON.stringify({ release: RELEASE })]
  const wrong = await runPlaybook(t, folder, args)
  if (!wrong) return
  assert.equal(wrong.status, 2, wrong.output)
  for (const at of [other, worker])
    assert.match(wrong.output, new RegExp(`"msg": "${at} answers with the release ${OTHER}`))
  assert.ok(!wrong.output.includes(`"msg": "${good} answers`))
})

test('a host that leads visitors to another release is found, whatever its own processes say', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-verify-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const entrances = await Promise.all([RELEASE, OTHER].map((name) => processOf(t, name)))
  const text = readFileSync('ansible/verify.yml', 'utf8').replaceAll(
    'https://{{ verify_outside',
    'http://{{ verify_outside',
  )
  const [, outside] = parse(text) as { name: string }[]
  writeFileSync(join(folder, 'play.yml'), JSON.stringify([outside]))
  const hosts = Object.fromEntries(
    entrances.map((at, n) => [`app${n + 1}`, { ansible_host: new URL(at).host }]),
  )
  const vars = {
    ...{ site_domain: 'birds.example', haproxy_web_servers: ['one', 'two'] },
    // As the site's own variables have it: nobody comes in where Ansible runs.
    site_outer_address:
      "{{ '127.0.0.1:1' if ansible_connection | default('') == 'local' else ansible_host }}",
  }
  writeFileSync(join(folder, 'hosts.json'), JSON.stringify({ app: { hosts, vars } }))
  const args = ['-i', 'hosts.json', 'play.yml', '--extra-vars', JSON.stringify({ release: RELEASE })]
  const wrong = await runPlaybook(t, folder, args)
  if (!wrong) return
  assert.equal(wrong.status, 2, wrong.output)
  assert.match(wrong.output, new RegExp(`\\[app2\\]: FAILED!.*Visitors are led to the release ${OTHER}\\.`))
  assert.doesNotMatch(wrong.output, /\[app1\]: FAILED!/)
})
