import assert from 'node:assert/strict'
import { test } from 'node:test'
import { badFileName, synonymIn, wordsOf } from './vocabulary.ts'

test('a name is taken apart into words, whatever its case', () => {
  assert.deepEqual(wordsOf('maxTaskRunsPerID'), ['max', 'task', 'runs', 'per', 'id'])
  assert.deepEqual(wordsOf('HTTPError'), ['http', 'error'])
  assert.deepEqual(wordsOf('n_work_units'), ['n', 'work', 'units'])
})

test('synonyms of the vocabulary are refused in any case and number, alone and within a name', () => {
  for (const name of [
    'volunteerId',
    'Volunteers',
    'list_annotators',
    'workUnit',
    'goldTasks',
    'taskSubmission',
  ]) {
    assert.ok(synonymIn(name), name)
  }
  assert.match(synonymIn('volunteerId') ?? '', /say contributor/)
})

test('our own words, and words that only contain a synonym, are right', () => {
  for (const name of [
    'taskRun',
    'contributor',
    'golden',
    'whitelist',
    'constructor',
    'toString',
    'marigold',
    'hitherto',
  ]) {
    assert.equal(synonymIn(name), undefined, name)
  }
})

test('an answer is a task run where it is a thing, and right as a verb or in the column n_answers', () => {
  for (const name of ['answer', 'answers', 'Answer', 'lastAnswer']) assert.ok(synonymIn(name), name)
  for (const name of ['nAnswers', 'n_answers', 'maxNAnswers', 'answerPrivately', 'answersWithin']) {
    assert.equal(synonymIn(name), undefined, name)
  }
})

test('a word is allowed where the place says so', () => {
  assert.ok(synonymIn('startWorker'))
  assert.equal(synonymIn('startWorkers', ['worker']), undefined)
})

test('files named after nothing are refused', () => {
  for (const name of ['utils.ts', 'data', 'task-helpers.ts', 'volunteer-service.ts', 'queue-manager.ts']) {
    assert.ok(badFileName(name), name)
  }
  for (const name of ['database.ts', 'task-service.ts', 'baseline.test.ts'])
    assert.equal(badFileName(name), undefined, name)
})
