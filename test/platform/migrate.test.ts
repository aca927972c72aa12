import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import pg from 'pg'
import { format, resolveConfig } from 'prettier'
import { runProgram } from '../../src/bin/local/run-program.ts'
import { createLogger } from '../../src/platform/log.ts'
import { migrate, migrationsFolder, removalsIn } from '../../src/platform/migrate.ts'
import { createTestDatabase } from '../support/servers.ts'

const log = createLogger('test', 'silent')

async function setUp(t: TestContext, files: Record<string, string>) {
  const { directUrl } = await createTestDatabase(t)
  const folder = mkdtempSync(join(tmpdir(), 'mh-migrations-'))
  const client = new pg.Client({ connectionString: directUrl })
  // Its database is dropped before it is ended.
  client.on('error', () => undefined)
  await client.connect()
  t.after(async () => {
    await client.end()
    rmSync(folder, { recursive: true })
  })
  const write = (name: string, sql: string) => {
    writeFileSync(join(folder, name), sql)
  }
  for (const [name, sql] of Object.entries(files)) write(name, sql)
  return {
    write,
    directUrl,
    run: (patience?: Parameters<typeof migrate>[3]) => migrate(directUrl, log, folder, patience),
    async tables() {
      const { rows } = await client.query<{ name: string }>(
        `select tablename as name from pg_tables where tablename like 'tried%' order by 1`,
      )
      return rows.map(({ name }) => name)
    },
    query: (sql: string) => client.query(sql),
  }
}

test('files are applied once, in the order of their numbers, and nothing else in the folder is', async (t) => {
  const db = await setUp(t, {
    '9002-b.sql': 'alter table tried add column b int;',
    '9001-a.sql': 'create table tried (a int);',
    'notes.md': 'no SQL',
  })
  assert.deepEqual(await db.run(), ['9001-a.sql', '9002-b.sql'])
  assert.deepEqual(await db.run(), [])
  await db.query('select a, b from tried')
})

test('several processes may migrate at once', async (t) => {
  const db = await setUp(t, { '9001-a.sql': 'create table tried (a int); select pg_sleep(0.3);' })
  const applied = await Promise.all([db.run(), db.run(), db.run()])
  assert.deepEqual(applied.flat(), ['9001-a.sql'])
})

test('a file that fails is named and leaves nothing; mended, it is applied', async (t) => {
  const db = await setUp(t, {
    '9001-a.sql': 'create table tried_first (a int);',
    '9002-b.sql': 'create table tried_second (a int); select nonsense;',
  })
  await assert.rejects(db.run(), /Migration 9002-b\.sql failed: column "nonsense" does not exist/)
  assert.deepEqual(await db.tables(), ['tried_first'])
  db.write('9002-b.sql', 'create table tried_second (a int);')
  assert.deepEqual(await db.run(), ['9002-b.sql'])
})

test('an index is built without stopping writers, also after a crash in the middle', async (t) => {
  const db = await setUp(t, {
    '9001-a.sql': 'create table tried (a int); insert into tried values (1), (1);',
  })
  await db.run()
  db.write('9002-index.sql', '-- no transaction\ncreate unique index concurrently tried_a on tried (a);\n')
  await assert.rejects(db.run(), /9002-index\.sql failed: could not create unique index/)
  await db.query('delete from tried where ctid = (select min(ctid) from tried)')
  assert.deepEqual(await db.run(), ['9002-index.sql'])
})

test('a migration that cannot have its table lets readers pass, tries again, and gives up with the reason', async (t) => {
  const db = await setUp(t, { '9001-a.sql': 'create table tried (a int);' })
  await db.run()
  db.write('9002-b.sql', 'alter table tried add column b int;')
  const reader = new pg.Client({ connectionString: db.directUrl })
  reader.on('error', () => undefined)
  await reader.connect()
  t.after(() => reader.end())
  await reader.query('begin')
  await reader.query('select * from tried')

  const gaveUp = /9002-b\.sql failed: what it changes is in use.*Nothing of it was applied/
  await assert.rejects(db.run({ waitMs: 50, pauseMs: 20, patienceMs: 300 }), gaveUp)
  const run = db.run({ waitMs: 300, pauseMs: 300, patienceMs: 60_000 })
  const waits: number[] = []
  for (let count = 0; count < 20; count += 1) {
    const began = performance.now()
    await db.query('select count(*) from tried')
    waits.push(performance.now() - began)
    await sleep(50)
  }
  assert.ok(Math.max(...waits) > 20, 'it did stand in the way')
  assert.ok(Math.max(...waits) < 5_000, `for ${Math.max(...waits)} ms`)
  await reader.query('commit')
  assert.deepEqual(await run, ['9002-b.sql'])
})

test('a migration that takes something away says since when nothing needs it', () => {
  const removals = {
    'alter table task drop column info': ['drop column'],
    'drop table if exists more;\nalter table task\n  rename column a to b': ['drop table', 'rename column'],
    'alter table task rename info to data': ['rename info to'],
    'alter table task alter info set not null, alter column n type bigint': [
      'set not null',
      'alter column n type',
    ],
    "create function f() returns void language sql as $$ truncate task $$; -- drop table task\nselect 'drop column'":
      [],
    'alter table task alter column n drop default': ['drop default'],
    'alter table task add column n numeric(4, 2) not null, add column m integer': [
      'add column n numeric(4, 2) not null',
    ],
    'alter table task add column n integer default 0 not null': [],
    'alter table task add column n integer not null default 0, add column m integer': [],
    'alter table task alter column info drop not null, drop constraint c; drop index i': [],
  }
  for (const [sql, taken] of Object.entries(removals))
    assert.deepEqual(removalsIn(sql).sort(), taken.sort(), sql)
  // Ours so far took nothing away.
  for (const name of readdirSync(migrationsFolder).filter((file) => file.endsWith('.sql'))) {
    const sql = readFileSync(join(migrationsFolder, name), 'utf8')
    if (!sql.includes('-- contract: ')) assert.deepEqual(removalsIn(sql), [], name)
  }
})

test('functions in the database are what their source files say', async (t) => {
  const db = await setUp(t, {})
  const folders = ['assignment', 'exports'].map((part) => join(migrationsFolder, `../domain/${part}/sql`))
  const { rows } = await db.query(
    `select proname as name, prosrc as source from pg_proc where proname ~ '_v[0-9]+$'`,
  )
  const sources = folders
    .flatMap((folder) => readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8')))
    .join('\n')
  assert.ok(rows.length >= 6)
  for (const { name, source } of rows as { name: string; source: string }[]) {
    assert.ok(
      sources.includes(source),
      `${name} differs from its file: write a migration, or include it again`,
    )
  }
})

test('the types of the tables are what the migrations make', async (t) => {
  const { directUrl } = await createTestDatabase(t)
  const folder = mkdtempSync(join(tmpdir(), 'mh-types-'))
  t.after(() => {
    rmSync(folder, { recursive: true })
  })
  const file = join(folder, 'schema.ts')
  await runProgram(process.execPath, [
    'node_modules/kysely-codegen/dist/cli/bin.js',
    ...['--dialect', 'postgres', '--url', directUrl, '--exclude-pattern', 'schema_migration'],
    ...['--type-mapping', '{"int8":"number","timestamptz":"string","xid8":"string"}', '--out-file', file],
  ])
  const style = await resolveConfig('src/platform/schema.ts')
  const made = await format(readFileSync(file, 'utf8'), { ...style, parser: 'typescript' })
  // After a new migration: UPDATE_SCHEMA=1 npm test -- test/platform/migrate.test.ts
  if (process.env['UPDATE_SCHEMA']) writeFileSync('src/platform/schema.ts', made)
  assert.equal(readFileSync('src/platform/schema.ts', 'utf8'), made)
})
