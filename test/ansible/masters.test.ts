import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runPlaybook } from '../support/ansible.ts'

const tasks = fileURLToPath(new URL('../../ansible/roles/redis/tasks/masters.yml', import.meta.url))

test('a new host of Redis takes the masters that sentinels name, and no other words of theirs', async (t) => {
  /** What a host takes for the masters while `redis-cli` is this script. */
  const masters = async (script: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'mh-masters-'))
    t.after(() => {
      rmSync(folder, { recursive: true, force: true })
    })
    writeFileSync(join(folder, 'redis-cli'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const vars = {
      redis_first_files: [join(folder, 'none.conf')],
      redis_sentinels: ['10.0.0.11', '10.0.0.12'],
      redis_first_master: '10.0.0.11',
      redis_passwords: {},
    }
    const play = {
      ...{ hosts: 'localhost', connection: 'local', gather_facts: false, vars },
      tasks: [
        { 'ansible.builtin.import_tasks': tasks },
        { 'ansible.builtin.debug': { msg: 'masters {{ redis_masters.cache }} {{ redis_masters.queue }}' } },
      ],
    }
    writeFileSync(join(folder, 'play.yml'), JSON.stringify([play]))
    const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` }
    const played = await runPlaybook(t, folder, ['play.yml'], env)
    return played && (/"masters [^"]*/.exec(played.stdout)?.[0] ?? played.stdout)
  }

  const named = `case "$*" in *10.0.0.12*cache) echo 10.0.0.13 ;; *10.0.0.12*) echo 10.0.0.14 ;; *) exit 1 ;; esac`
  const found = await masters(named)
  if (found === undefined) return
  assert.equal(found, '"masters 10.0.0.13 10.0.0.14')
  assert.equal(await masters('exit 1'), '"masters 10.0.0.11 10.0.0.11')
  assert.match((await masters('echo NOAUTH Authentication required.')) ?? '', /no sentinel says .*: NOAUTH/)
})
