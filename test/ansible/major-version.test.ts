import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { runPlaybook } from '../support/ansible.ts'

const tasks = fileURLToPath(new URL('../../ansible/roles/postgres/tasks/install.yml', import.meta.url))

test('a host with a database of another major version is refused, before PostgreSQL is installed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mh-major-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  // What stands before the first change.
  const text = readFileSync(tasks, 'utf8').replaceAll('/var/lib/postgresql', `${folder}/data`)
  const looks = (parse(text) as { name: string }[]).slice(0, 2)
  const looksWith = (version: number) => {
    const play = {
      hosts: 'localhost',
      connection: 'local',
      gather_facts: false,
      vars: { postgres_version: version },
    }
    writeFileSync(join(folder, 'play.yml'), JSON.stringify([{ ...play, tasks: looks }]))
    return runPlaybook(t, folder, ['-i', 'localhost,', 'play.yml'])
  }

  const fresh = await looksWith(15)
  if (!fresh) return
  assert.equal(fresh.status, 0, fresh.output)

  // A database has such a file of its own too.
  mkdirSync(join(folder, 'data/15/main/base/1'), { recursive: true })
  for (const place of ['', 'base/1/']) writeFileSync(join(folder, `data/15/main/${place}PG_VERSION`), '15\n')
  const [same, next] = [await looksWith(15), await looksWith(17)]
  assert.equal(same?.status, 0, same?.output)
  assert.notEqual(next?.status, 0)
  assert.match(next?.output ?? '', /has a database of PostgreSQL 15, and postgres_version is\s+17/)

  // Once it was brought there, the old one may stay for a while.
  mkdirSync(join(folder, 'data/17/main'), { recursive: true })
  writeFileSync(join(folder, 'data/17/main/PG_VERSION'), '17\n')
  assert.equal((await looksWith(17))?.status, 0)
})
