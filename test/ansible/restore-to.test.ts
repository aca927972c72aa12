import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { renderRole } from '../support/rendered.ts'

const PROGRAMS = '/usr/lib/postgresql/15/bin'

test('a database is what it was at a chosen moment, and a moment that never was is told', (t) => {
  if (!existsSync(PROGRAMS) || !existsSync('/usr/bin/pgbackrest')) {
    t.skip('PostgreSQL or pgBackRest is not here: sudo apt-get install postgresql-15 pgbackrest')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'mh-restore-'))
  const data = join(folder, 'data')
  const env = {
    ...process.env,
    PGBACKREST_CONFIG: join(folder, 'pgbackrest.conf'),
    PATH: `${folder}/bin:${process.env['PATH'] ?? ''}`,
    PGUSER: 'postgres',
  }
  const run = (...[program = '', ...args]: string[]) => {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: '/',
      env,
      encoding: 'utf8',
      timeout: 60_000,
    })
    return { status, said: stdout + stderr }
  }
  const asPostgres = (...command: string[]) => {
    const { status, said } = run('runuser', '-u', 'postgres', '--', ...command)
    assert.equal(status, 0, said)
    return said.trim()
  }
  const sql = (text: string) => asPostgres('psql', '-qXAt', '-h', folder, '-c', text, 'postgres')
  const start = () =>
    asPostgres(
      ...[`${PROGRAMS}/pg_ctl`, '-s', '-w', '-D', data, '-l', join(folder, 'log'), 'start', '-o'],
      `-c listen_addresses= -c unix_socket_directories=${folder}`,
    )
  const stop = () =>
    run('runuser', '-u', 'postgres', '--', `${PROGRAMS}/pg_ctl`, '-D', data, '-m', 'fast', 'stop')
  t.after(() => {
    stop()
    rmSync(folder, { recursive: true, force: true })
  })

  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin', 'systemctl'), `#!/bin/sh\n[ -e ${folder}/patroni-runs ]\n`, {
    mode: 0o755,
  })
  // Who is not root runs everything.
  if (process.getuid?.() !== 0) {
    for (const [name, script] of Object.entries({ runuser: 'shift 3; exec "$@"', chown: ':' }))
      writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  const settings = ['[global]', `repo1-path=${folder}/kept`, 'start-fast=y', 'log-level-file=off']
  settings.push(`lock-path=${folder}/lock`, `spool-path=${folder}/spool`, 'log-level-console=warn', '[main]')
  settings.push(`pg1-path=${data}`, `pg1-socket-path=${folder}`, 'pg1-user=postgres', '')
  writeFileSync(env.PGBACKREST_CONFIG, settings.join('\n'))
  const program = join(folder, 'bin', 'manyhands-restore-to')
  const text = renderRole('pgbackrest', 'manyhands-restore-to.j2', { pgbackrest_data_folder: data })
  writeFileSync(program, text.replaceAll('/run/postgresql', folder), { mode: 0o755 })
  assert.equal(run('chown', '-R', 'postgres', folder).status, 0)

  asPostgres(`${PROGRAMS}/initdb`, '-D', data, '-A', 'trust', '-U', 'postgres')
  const archive = "archive_mode = on\narchive_command = 'pgbackrest --stanza=main archive-push %p'\n"
  // A commit on the way would wait for somebody who is not there.
  writeFileSync(join(data, 'postgresql.conf'), `${archive}synchronous_standby_names = ''\n`)
  start()
  asPostgres('pgbackrest', '--stanza=main', 'stanza-create')
  asPostgres('pgbackrest', '--stanza=main', '--repo1-retention-full=1', 'backup')
  // Backups are told apart by seconds.
  sql('select pg_sleep(1.1)')
  sql("create table said as select 'kept' as what")
  const moment = sql('select clock_timestamp()')
  sql("select pg_sleep(0.1); insert into said values ('a mistake')")
  sql('select pg_switch_wal()')
  assert.equal(stop().status, 0)

  writeFileSync(join(folder, 'patroni-runs'), '')
  assert.match(run(program, moment).said, /systemctl stop patroni/)
  rmSync(join(folder, 'patroni-runs'))
  // As programs write it.
  const restored = run(program, moment.replace(' ', 'T').replace('+00', 'Z'))
  assert.equal(restored.status, 0, restored.said)
  assert.ok(!existsSync(join(data, 'postmaster.pid')))
  assert.ok(!existsSync(join(data, 'recovery.signal')))
  start()
  assert.equal(sql('select string_agg(what, $$ $$) from said'), 'kept')
  assert.equal(stop().status, 0)

  const never = run(
    program,
    moment.replace(/^\d+/, (year) => `${Number(year) + 1}`),
  )
  assert.notEqual(never.status, 0)
  assert.match(never.said, /recovery ended before configured recovery target was reached/)
})
