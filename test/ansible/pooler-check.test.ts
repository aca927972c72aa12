import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { findProgram } from '../support/debian-program.ts'
import { PGBOUNCER } from '../support/pgbouncer.ts'
import { renderRole } from '../support/rendered.ts'

const variables = fileURLToPath(new URL('../../ansible/roles/pgbouncer/vars/main.yml', import.meta.url))

test('what PgBouncer would not start with does not replace its configuration', async (t) => {
  const { command: pooler, env } = await findProgram(PGBOUNCER)
  const folder = mkdtempSync(join(tmpdir(), 'mh-pooler-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const { pgbouncer_validate: command } = parse(readFileSync(variables, 'utf8')) as Record<string, string>
  assert.ok(command)
  const file = join(folder, 'pgbouncer.ini')
  const check = (text: string) => {
    writeFileSync(file, text)
    // Only for root does PgBouncer stop after it has read it.
    const asRoot = process.getuid?.() === 0 ? [] : ['unshare', '--map-root-user']
    const [program, ...args] = [...asRoot, 'sh', '-c', command.replace('%s', file)]
    return spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...env, PATH: `${dirname(pooler)}:${env['PATH']}` },
    })
  }
  const good = renderRole('pgbouncer', 'pgbouncer.ini.j2', { ansible_managed: 'Managed' })
  const right = check(good)
  assert.equal(right.status, 0, right.stdout + right.stderr)
  const wrong = check(good.replace('pool_mode = transaction', 'pool_mode = transactions'))
  assert.equal(wrong.status, 1)
  assert.match(wrong.stdout, /invalid value "transactions" for parameter pool_mode/)
})
