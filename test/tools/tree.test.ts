import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingTopEntries, pathProblems, sqlProblems, strayTopEntries } from './tree.ts'

test('only the known entries stand at the top; hidden and generated ones are not seen', () => {
  assert.deepEqual(strayTopEntries(['src', 'README.md', '.git', '.data', 'node_modules', 'coverage']), [])
  assert.equal(strayTopEntries(['eslint.config.js', 'scripts', 'Dockerfile']).length, 3)
  assert.match(missingTopEntries(['src']).join(), /LICENSE: is missing/)
})

test('JavaScript is refused but for the bootstrap', () => {
  assert.deepEqual(pathProblems(['src/bin/bootstrap.js']), [])
  assert.equal(pathProblems(['src/web/menu.js', 'test/tools/knip.cjs']).length, 2)
})

test('files and folders have names that say something, each told once', () => {
  assert.deepEqual(
    pathProblems(['src/domain/tasks/task-service.ts', 'docs/data.md', 'test/lib/csv-reader.test.ts']),
    [],
  )
  assert.equal(pathProblems(['src/lib/helpers.ts']).length, 1)
  assert.equal(pathProblems(['src/common/a.ts', 'src/common/b.ts']).length, 1)
  assert.equal(pathProblems(['src/lib/csvReader.ts']).length, 1)
  assert.equal(pathProblems(['jobs/notify-volunteers.ts']).length, 1)
})

test('names in SQL keep to the vocabulary; comments and texts are free', () => {
  assert.deepEqual(
    sqlProblems('a.sql', "-- volunteers\n/* gold\n */ select n_answers from task where kind = 'gold'"),
    [],
  )
  assert.deepEqual(
    sqlProblems('a.sql', 'create table task (\n  volunteer_id bigint\n)').map(
      (problem) => problem.split(' ')[0],
    ),
    ['a.sql:2:'],
  )
})

test('SQL keeps nothing beyond its transaction, in functions and beside them', () => {
  const linesOf = (sql: string) => sqlProblems('a.sql', sql).map((problem) => problem.split(' ')[0])
  const body = (...statements: string[]) =>
    `create function f() as $$\nbegin\n  ${statements.join('\n  ')}\nend\n$$`
  assert.deepEqual(linesOf(body("perform set_config('a', 'b', false);")), ['a.sql:3:'])
  assert.deepEqual(linesOf(body('n := 1;', 'perform pg_try_advisory_lock(1);')), ['a.sql:4:'])
  for (const statement of [
    'set statement_timeout = 5;',
    'prepare one as select 1;',
    'listen news;',
    'create temporary table known (id int);',
    'declare c cursor with hold for select 1;',
  ])
    assert.deepEqual(linesOf(`select 1;\n${statement}`), ['a.sql:2:'], statement)
  const passing = [
    "perform set_config('a', 'b', true);",
    'set local statement_timeout = 5;',
    'perform pg_advisory_xact_lock(1);',
    'execute statement;',
    "execute format('select %s', 1);",
    'update task set n = 1;',
    'create temporary table known (id int) on commit drop;',
  ]
  assert.deepEqual(linesOf(body(...passing)), [])
})
