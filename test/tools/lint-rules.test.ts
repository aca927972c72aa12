import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Linter } from 'eslint'
import type { Rule } from 'eslint'
import tseslint from 'typescript-eslint'
import { noSessionState, noSql, noUnwantedComments, vocabulary } from './lint-rules.ts'

/** The messages for a piece of TypeScript under one rule. */
function lint(rule: Rule.RuleModule, code: string, { file = 'task.ts', options = {} } = {}): string[] {
  const messages = new Linter().verify(
    code,
    {
      files: ['**/*.ts'],
      linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'off' },
      languageOptions: { parser: tseslint.parser },
      plugins: { manyhands: { rules: { rule } } },
      rules: { 'manyhands/rule': ['error', ...(Object.keys(options).length > 0 ? [options] : [])] },
    },
    { filename: file },
  )
  // Warnings tell of directives, which change nothing here.
  return messages.filter(({ severity }) => severity === 2).map(({ message }) => message)
}

test('every kind of declared name is held to the vocabulary', () => {
  const declarations = [
    'const volunteer = 1',
    'const { id: volunteer } = row',
    'const [volunteer = 1] = row',
    'function listVolunteers() {}',
    'function list(volunteer: number) {}',
    'const list = ({ volunteerId: volunteer }: Row) => volunteer',
    'class Volunteer {}',
    'class Row { volunteer = 1 }',
    'class Row { #volunteer = 1 }',
    'class Row { volunteer() {} }',
    'interface Volunteer {}',
    'interface Row { volunteer: string }',
    'interface Row { list(volunteer: string): void }',
    'type Volunteer = string',
    'type List = (volunteer: string) => void',
    'try { go() } catch (volunteer) { go() }',
  ]
  for (const code of declarations) assert.equal(lint(vocabulary, code).length, 1, code)
})

test('names that come from elsewhere are left alone', () => {
  const uses = [
    "import { volunteer } from 'elsewhere'",
    'const { volunteer } = row',
    'row.volunteer()',
    'send({ volunteer: 1 })',
    "const text = 'volunteer'",
    'class Row { constructor() {} }',
  ]
  for (const code of uses) assert.deepEqual(lint(vocabulary, code), [], code)
})

test('types and functions, and files, are not named after nothing', () => {
  assert.equal(lint(vocabulary, 'class TaskManager {}').length, 1)
  assert.equal(lint(vocabulary, 'function taskHelper() {}').length, 1)
  assert.equal(lint(vocabulary, 'export {}', { file: 'utils.ts' }).length, 1)
})

test('SQL is found as a statement, a tagged template and a query builder', () => {
  const statements = [
    "run('select id from task')",
    "run('  SELECT id\\n FROM task')",
    "run('select pg_advisory_lock($1)')",
    'run(`update ${table} set state = $1`)',
    "run('insert into task (id) values (1)')",
    "run('with page as (select 1) select 2')",
    "client.query('begin')",
    'sql`now()`',
    'sql<number>`count(*)`',
    'sql.raw`now()`',
    "db.selectFrom('task')",
    "db.insertInto('task').values(row)",
  ]
  for (const code of statements) assert.equal(lint(noSql, code).length, 1, code)
})

test('sentences and other words that begin like SQL are not taken for it', () => {
  const sentences = [
    "say('Select a file')",
    "say('Update your address')",
    "say('Begin here')",
    "type Run = Pick<Job, 'commit'>",
    "array.with(1, 'x')",
    'ctx.query.offset',
    'request.query({ limit: 1 })',
    'html`<p>select id from task</p>`',
  ]
  for (const code of sentences) assert.deepEqual(lint(noSql, code), [], code)
})

test('what lasts longer than a transaction is refused, for a pooler gives the connection away', () => {
  const lasting = [
    "pool.query({ name: 'by-id', text: 'select 1', values: [] })",
    "pool.query({ name: 'by-id', text: 'select 1' })",
    'sql`select pg_advisory_lock(1)`',
    'sql`select pg_try_advisory_lock(${one})`',
    "client.query('listen task_completed')",
    'client.query(\'listen "task completed"\')',
    "client.query('unlisten *')",
    'sql`set role owner`',
    "sql`set time zone 'UTC'`",
    'sql`set statement_timeout = 5`',
    'sql`set session time zone 0`',
    "client.query('SET search_path TO public')",
    "sql`select set_config('statement_timeout', ${String(1)}, false)`",
    'sql`declare c cursor with hold for select 1`',
    'sql`prepare one as select 1`',
    'sql`create temporary table known (id int)`',
  ]
  for (const code of lasting) assert.equal(lint(noSessionState, code).length, 1, code)
  const passing = [
    'sql`set local statement_timeout = 5`',
    'sql`set transaction isolation level serializable`',
    'sql`select pg_advisory_xact_lock(1)`',
    "sql`select set_config('statement_timeout', ${String(1)}, true)`",
    'sql`create temporary table known (id int) on commit drop`',
    "say('Listen to the recording')",
    "say('Set DATABASE_WRITE_URL to an address')",
    "row({ name: 'x', text: 'y' })",
  ]
  for (const code of passing) assert.deepEqual(lint(noSessionState, code), [], code)
})

test('comments that put off work or switch off a check are refused', () => {
  const comments = [
    '// TODO: later',
    '/* eslint-disable */',
    '// biome-ignore lint: x',
    '/* v8 ignore next */',
    '// @ts-ignore',
  ]
  for (const code of comments) assert.equal(lint(noUnwantedComments, code).length, 1, code)
  assert.deepEqual(lint(noUnwantedComments, '// What is to do next, and why it is ignored.'), [])
})
