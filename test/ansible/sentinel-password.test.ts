import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { findRedis } from '../../src/bin/local/redis.ts'
import { runPlaybook } from '../support/ansible.ts'
import { renderRole } from '../support/rendered.ts'
import { cacheFolder } from '../support/servers.ts'
import { freePort } from '../support/started-site.ts'

const role = fileURLToPath(new URL('../../ansible/roles/sentinel', import.meta.url))

test('a sentinel takes another password, or none, and goes on knowing what it knew', async (t) => {
  const program = await findRedis(cacheFolder())
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'mh-password-'))
  const file = join(folder, 'sentinel.conf')
  let end = () => Promise.resolve()
  t.after(async () => {
    await end()
    rmSync(folder, { recursive: true, force: true })
  })
  /** What it answers to who says this password first, or none; empty while it is not there. */
  const ask = async (password: string, command = 'ping'): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.end(`${password === '' ? '' : `auth ${password}\r\n`}${command}\r\n`)
    return text(socket).catch(() => '')
  }
  const start = async () => {
    const child = spawn(program.command, [file, '--sentinel'], { env: program.env, stdio: 'ignore' })
    end = async () => {
      const ended = once(child, 'exit')
      if (child.kill()) await ended
    }
    for (let tries = 0; tries < 50 && (await ask('')) === ''; tries += 1) await sleep(100)
  }
  /** What the role does to the file while Sentinel is stopped. */
  const change = async (password: string) => {
    await end()
    const tasks = parse(
      readFileSync(`${role}/tasks/password.yml`, 'utf8').replaceAll(
        '/etc/redis/sentinel-manyhands.conf',
        file,
      ),
    ) as Record<string, unknown>[]
    const play = {
      hosts: 'localhost',
      connection: 'local',
      gather_facts: false,
      vars: { sentinel_password: password },
      tasks: tasks.filter((task) => 'ansible.builtin.lineinfile' in task),
    }
    assert.equal(play.tasks.length, 2)
    writeFileSync(join(folder, 'play.yml'), JSON.stringify([play]))
    const played = await runPlaybook(t, folder, ['-i', 'localhost,', 'play.yml'])
    if (played) assert.equal(played.status, 0, played.output)
    await start()
    return played !== undefined
  }
  const master = 'sentinel get-master-addr-by-name queue'
  const named = /127\.0\.0\.1\r\n\$1\r\n1\r\n/

  const masters = [{ name: 'queue', address: '127.0.0.1', port: 1 }]
  const ours = { sentinel_port: port, sentinel_folder: folder, sentinel_log_file: '' }
  writeFileSync(
    file,
    renderRole('sentinel', 'sentinel.conf.j2', {
      ...ours,
      sentinel_masters: masters,
      sentinel_password: 'one',
    }),
  )
  await start()
  assert.match(await ask('one'), /\+PONG/)
  assert.match(await ask(''), /NOAUTH/)
  // From now on the file has its hash, too.
  assert.match(await ask('one', 'sentinel flushconfig'), /\+OK\r\n\+OK/)
  assert.match(readFileSync(file, 'utf8'), /^user default on #/m)

  if (!(await change('two'))) return
  assert.match(await ask('one'), /WRONGPASS/)
  assert.match(await ask('two', master), named)
  assert.match(await ask('two', 'sentinel flushconfig'), /\+OK\r\n\+OK/)

  await change('')
  assert.match(await ask('', master), named)
})
