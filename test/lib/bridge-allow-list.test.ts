import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowedCall } from '../../src/lib/bridge-allow-list.ts'
import type { BridgeRequest, Json } from '../../src/lib/bridge.ts'

const birds = { projectId: 12, shortName: 'birds' }

function get(path: string, query: Record<string, string> = {}) {
  return allowedCall({ type: 'request', id: 1, method: 'GET', path, query, body: null }, birds)
}

function post(path: string, body: Json, query: BridgeRequest['query'] = {}) {
  return allowedCall({ type: 'request', id: 1, method: 'POST', path, query, body }, birds)
}

test('a presenter may read its project, its tasks and its progress', () => {
  assert.deepEqual(get('/api/project', { short_name: 'birds', all: '1' }), { kind: 'project-list' })
  assert.deepEqual(get('/api/project/12'), { kind: 'project' })
  assert.deepEqual(get('/api/project/12/newtask', { offset: '1', _: '1700', api_key: 'x' }), {
    kind: 'newtask',
    query: { offset: '1' },
  })
  assert.deepEqual(get('/api/project/12/userprogress'), { kind: 'userprogress' })
  assert.deepEqual(get('/api/project/birds/userprogress'), { kind: 'userprogress' })
  assert.deepEqual(get('/api/task/99'), { kind: 'task', taskId: 99 })
})

test('a presenter may save task runs and skip tasks', () => {
  assert.deepEqual(post('/api/taskrun', { project_id: 12, task_id: 5, info: 'Yes' }), {
    kind: 'taskrun',
    body: { project_id: 12, task_id: 5, info: 'Yes' },
  })
  assert.deepEqual(post('/api/project/12/skip', { task_id: 5 }), { kind: 'skip', taskId: 5 })
})

test('a task run is for the project of the page, with nothing but its info', () => {
  assert.deepEqual(post('/api/taskrun', { project_id: 1, task_id: '5', user_id: 1, external_uid: 'x' }), {
    kind: 'taskrun',
    body: { project_id: 12, task_id: 5, info: null },
  })
})

test('other projects are out of reach', () => {
  for (const path of [
    '/api/project/13',
    '/api/project/13/newtask',
    '/api/project/13/userprogress',
    '/api/project/cats/userprogress',
    '/api/project/012/newtask',
    '/api/project/birds',
    '/api/project/birds/newtask',
  ]) {
    assert.equal(get(path), undefined, path)
  }
  assert.equal(get('/api/project'), undefined)
  assert.equal(get('/api/project', { short_name: 'cats' }), undefined)
})

test('a presenter may read rows of its project, whatever else their list is chosen by', () => {
  for (const noun of ['task', 'taskrun', 'result', 'helpingmaterial'] as const) {
    assert.deepEqual(get(`/api/${noun}`, { limit: '5', all: '0', api_key: 'x', _: '17' }), {
      kind: 'list',
      noun,
      query: { limit: '5' },
    })
    assert.deepEqual(get(`/api/${noun}`, { project_id: '12' }), { kind: 'list', noun, query: {} })
    assert.equal(get(`/api/${noun}`, { project_id: '13' }), undefined)
    assert.equal(get(`/api/${noun}`, { app_id: '13' }), undefined)
  }
  assert.deepEqual(get('/api/helpingmaterial/7'), { kind: 'record', noun: 'helpingmaterial', recordId: 7 })
})

test('a presenter may call its project an app, as PyBossa did before 1.0', () => {
  assert.deepEqual(get('/api/app', { short_name: 'birds' }), { kind: 'project-list' })
  assert.deepEqual(get('/api/app/12/newtask'), { kind: 'newtask', query: {} })
  assert.deepEqual(get('/api/task', { app_id: '12' }), { kind: 'list', noun: 'task', query: {} })
})

test('paths outside the list are refused however they are written', () => {
  for (const path of [
    '',
    '/',
    'api/task/1',
    '//api/task/1',
    '/api/user',
    '/api/token',
    '/account/profile',
    '/api/task/1/',
    '/api/app/13/newtask',
    '/api/taskrun/1/stream',
    '/api/project/12/skip',
    '/api/task/1?x',
    '/api/task/-1',
    '/api/task/1e3',
    '/api/task/0',
    '/api/task/99999999999999999999',
    '/api/../account/1',
    '/api/project/12/../13',
    '/api/project/12/newtask/x',
    '/api/project/12%2Fnewtask',
    '/api/project/12/export',
    'https://elsewhere.example/api/task/1',
    '/api/constructor/1',
  ]) {
    assert.equal(get(path), undefined, path)
  }
})

test('nothing else can be posted', () => {
  for (const path of [
    '/api/project',
    '/api/task',
    '/api/taskrun/1',
    '/api/project/13/skip',
    '/api/project/12/newtask',
    '/api/task/5',
    '/account/signout',
  ]) {
    assert.equal(post(path, { task_id: 1, info: 1 }), undefined, path)
  }
  for (const body of [
    null,
    [],
    'x',
    {},
    { task_id: null },
    { task_id: 'x' },
    { task_id: [1] },
    { task_id: 1.5 },
  ]) {
    assert.equal(post('/api/taskrun', body), undefined, JSON.stringify(body))
  }
})
