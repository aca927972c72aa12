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
