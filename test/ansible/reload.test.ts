import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { parse } from 'yaml'
import { SUPERUSER } from '../../src/bin/local/postgres-settings.ts'
import { startOwnPostgres } from '../support/own-postgres.ts'

const QUERY = 'community.postgresql.postgresql_query'
const TRIES_MAX = 10

interface Task {
  readonly name: string
  readonly [QUERY]?: { readonly query: string }
}

test('PostgreSQL reads its files anew as long as it last did before they changed', async (t) => {
  const postgres = await startOwnPostgres(t)
  const ask = async <Row extends object>(query: string) => {
    const client = new Client(postgres.url(SUPERUSER))
    await client.connect()
    try {
      const { rows } = await client.query<Row>(query)
      return rows
    } finally {
      await client.end()
    }
  }
  const [{ file } = { file: '' }] = await ask<{ file: string }>(
    `select current_setting('data_directory') || '/postgresql.auto.conf' as file`,
  )
  const tasks = parse(readFileSync('ansible/roles/postgres/tasks/cluster.yml', 'utf8')) as Task[]
  const task = tasks.find(({ name }) => name === 'Apply what needs no restart')
  const query = task?.[QUERY]?.query.replace('{{ postgres_settings_folder }}/conf.d/manyhands.conf', file)
  assert.ok(query)
  const apply = async () => {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      if ((await ask(query)).length === 0) return
      await sleep(1_000)
    }
    assert.fail('It never read what there is')
  }

  await apply()
  writeFileSync(file, `${readFileSync(file, 'utf8')}work_mem = '7MB'\n`)
  await apply()
  assert.deepEqual(await ask('show work_mem'), [{ work_mem: '7MB' }])
})
