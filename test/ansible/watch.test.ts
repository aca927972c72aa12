import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { runPlaybook } from '../support/ansible.ts'

/** Runs what deploy.yml does about visitors' errors, while each count of them is 100 requests later. */
async function watch(t: TestContext, errors: readonly number[]) {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-watch-'))
  let counts = 0
  const server = createServer((_, response) => {
    const code = (backend: string, name: string, value: number) =>
      `haproxy_backend_http_responses_total{proxy="${backend}",code="${name}"} ${value}\n`
    // Where no process reaches the database they all go the other way.
    const failed = code('web_without_database', '5xx', errors[counts] ?? 0)
    response.end(code('web', '2xx', counts * 100) + failed + code('stats', '5xx', counts * 50))
    counts += 1
  })
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done)
  })
  t.after(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const role = (part: string) => ({
    'ansible.builtin.include_role': { name: resolve('ansible/roles/app'), tasks_from: part },
  })
  const vars = {
    app_watch_before_seconds: 1,
    app_watch_seconds: 11,
    app_figures_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
  }
  const play = { hosts: 'app', gather_facts: false, vars, tasks: ['begin', 'before', 'watch'].map(role) }
  writeFileSync(join(folder, 'play.yml'), JSON.stringify([play]))
  writeFileSync(
    join(folder, 'hosts'),
    '[app]\napp1 ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n',
  )
  const played = await runPlaybook(t, folder, ['-i', 'hosts', 'play.yml'])
  return played && { ...played, counts }
}

test('a release is kept while errors are as frequent as before it, or too few to tell', async (t) => {
  const [few, many] = await Promise.all([watch(t, [0, 0, 0, 2, 4]), watch(t, [50, 60, 60, 70, 90])])
  if (!few || !many) return
  assert.deepEqual([few.status, few.counts], [0, 5], few.output)
  assert.deepEqual([many.status, many.counts], [0, 5], many.output)
})

test('a release with more than twice as many errors is not, as soon as they are seen', async (t) => {
  const [late, soon] = await Promise.all([watch(t, [9, 10, 10, 10, 15]), watch(t, [0, 0, 0, 5])])
  if (!late || !soon) return
  assert.deepEqual([late.status, late.counts], [2, 5], late.output)
  assert.match(
    late.output,
    /Of 205 requests since the switch 5 were answered with an error.*before \(1 of 101\)/,
  )
  assert.deepEqual([soon.status, soon.counts], [2, 4], soon.output)
})
