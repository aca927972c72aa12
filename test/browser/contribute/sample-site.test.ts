import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleSite } from '../../../src/browser/contribute/sample-site.ts'
import { isObject } from '../../../src/lib/bridge.ts'
import type { Json } from '../../../src/lib/bridge.ts'

const project = { id: 5, short_name: 'birds', name: 'Birds', description: 'Birds or none.' }
const samples = [{ n: 1 }, { n: 2 }]

function infoOf(body: Json): Json | undefined {
  return isObject(body) ? body['info'] : undefined
}

test('a preview hands out the samples in turn, over and over, and looks ahead by offset', () => {
  const site = sampleSite(project, samples)
  const newTask = (offset?: string) =>
    infoOf(site({ kind: 'newtask', query: offset === undefined ? {} : { offset } }).body)
  assert.deepEqual([newTask(), newTask('1'), newTask('2')], [{ n: 1 }, { n: 2 }, { n: 1 }])
  const answered = site({ kind: 'taskrun', body: { project_id: 5, task_id: 1, info: 'Yes' } })
  assert.equal(answered.status, 200)
  assert.deepEqual(newTask(), { n: 2 })
  site({ kind: 'skip', taskId: 2 })
  assert.deepEqual(newTask(), { n: 1 })
  assert.deepEqual(site({ kind: 'userprogress' }).body, { done: 2, total: 2 })
})

test('a preview knows its own project and tasks, and has none where there are no samples', () => {
  const site = sampleSite(project, samples)
  assert.deepEqual(site({ kind: 'project' }).body, project)
  assert.deepEqual(site({ kind: 'project-list' }).body, [project])
  assert.deepEqual(infoOf(site({ kind: 'task', taskId: 2 }).body), { n: 2 })
  assert.equal(site({ kind: 'task', taskId: 3 }).status, 404)
  const tasks = site({ kind: 'list', noun: 'task', query: {} }).body
  assert.equal(Array.isArray(tasks) && tasks.length, 2)
  assert.deepEqual(site({ kind: 'list', noun: 'result', query: {} }).body, [])
  assert.equal(site({ kind: 'record', noun: 'result', recordId: 1 }).status, 404)
  assert.deepEqual(sampleSite(project, [])({ kind: 'newtask', query: {} }).body, {})
})
