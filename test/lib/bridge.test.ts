import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BRIDGE_VERSION,
  MESSAGE_CHARS_MAX,
  NOTICE_CHARS_MAX,
  REQUEST_CHARS_MAX,
  readFrameMessage,
  readHello,
  readHostMessage,
  writeHello,
  writeMessage,
  writeWelcome,
} from '../../src/lib/bridge.ts'
import type { FrameMessage, HostMessage } from '../../src/lib/bridge.ts'

function received(value: unknown) {
  return readFrameMessage(JSON.stringify(value))
}

test('every message of the frame arrives as it was sent', () => {
  const messages: FrameMessage[] = [
    {
      type: 'request',
      id: 1,
      method: 'POST',
      path: '/api/taskrun',
      query: { a: '1' },
      body: { info: [1, null] },
    },
    { type: 'taskShown', id: 7 },
    { type: 'finished' },
    { type: 'leaving' },
    { type: 'notify', text: 'Look closely', notice: 'warning', show: false },
    { type: 'resize', height: 640.5 },
    { type: 'reveal', top: 12, height: 300.5 },
    { type: 'navigate', path: '/project/birds/' },
    { type: 'dirty', dirty: true },
    { type: 'error', text: 'x is not defined', line: 12 },
    { type: 'error', text: 'Script error.', line: null },
  ]
  for (const message of messages) assert.deepEqual(readFrameMessage(writeMessage(message)), message)
})

test('what is not a JSON text of a known message is not a message', () => {
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '"taskShown"',
    '{}',
    '{"type":"nonsense"}',
    '{"type":["finished"]}',
  ]) {
    assert.equal(readFrameMessage(text), undefined, text)
  }
  assert.equal(readFrameMessage({ type: 'finished' }), undefined)
  assert.equal(readFrameMessage(undefined), undefined)
})

test('names of built-in properties are not message types', () => {
  for (const type of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    assert.equal(received({ type }), undefined, type)
    assert.equal(readHostMessage(JSON.stringify({ type })), undefined, type)
  }
})

test('members of the wrong type make a message unreadable', () => {
  const wrong = [
    { type: 'taskShown', id: '7' },
    { type: 'taskShown', id: 0 },
    { type: 'taskShown', id: 1.5 },
    { type: 'taskShown', id: 2 ** 60 },
    { type: 'notify', text: 5 },
    { type: 'resize', height: null },
    { type: 'resize', height: '10' },
    { type: 'navigate' },
    { type: 'reveal', top: 1 },
    { type: 'dirty', dirty: 1 },
    { type: 'error', line: 1 },
    { type: 'request', id: 1, method: 'PUT', path: '/api/project/1' },
    { type: 'request', id: 1, method: 'DELETE', path: '/api/task/1' },
    { type: 'request', id: 1, method: 'GET', path: ['/api'] },
    { type: 'request', method: 'GET', path: '/api/task/1' },
  ]
  for (const message of wrong) assert.equal(received(message), undefined, JSON.stringify(message))
})

test('a request without query and body has an empty query and a null body', () => {
  assert.deepEqual(received({ type: 'request', id: 3, method: 'GET', path: '/api/task/1' }), {
    type: 'request',
    id: 3,
    method: 'GET',
    path: '/api/task/1',
    query: {},
    body: null,
  })
})

test('query values become texts and nested ones are dropped', () => {
  const message = received({
    type: 'request',
    id: 1,
    method: 'GET',
    path: '/x',
    query: { offset: 1, all: true, none: null, deep: { a: 1 }, list: [1] },
  })
  assert.deepEqual(message?.type === 'request' && message.query, { offset: '1', all: 'true' })
})

test('a notice is cut to its limit, shown unless it says otherwise, and of a known type', () => {
  assert.deepEqual(received({ type: 'notify', text: 'x'.repeat(NOTICE_CHARS_MAX + 50), notice: 'shout' }), {
    type: 'notify',
    text: 'x'.repeat(NOTICE_CHARS_MAX),
    notice: 'info',
    show: true,
  })
})

test('only requests may be long, and they have a limit too', () => {
  const request = (length: number) =>
    received({
      type: 'request',
      id: 1,
      method: 'POST',
      path: '/api/taskrun',
      body: { info: 'x'.repeat(length) },
    })
  assert.equal(request(MESSAGE_CHARS_MAX * 2)?.type, 'request')
  assert.equal(request(REQUEST_CHARS_MAX), undefined)
  assert.equal(received({ type: 'notify', text: 'x'.repeat(MESSAGE_CHARS_MAX) }), undefined)
})

test('an initial message of another version is refused by the frame', () => {
  const init: HostMessage = {
    type: 'init',
    version: BRIDGE_VERSION,
    project: { id: 1, short_name: 'birds', name: 'Birds', description: 'Which bird is it?' },
    locale: 'en',
    taskId: null,
    settings: null,
    strings: {},
    endpoint: 'http://localhost',
    isPreview: false,
  }
  assert.deepEqual(readHostMessage(writeMessage(init)), init)
  assert.equal(readHostMessage(JSON.stringify({ ...init, version: BRIDGE_VERSION + 1 })), undefined)
  assert.equal(readHostMessage('{"type":"request"}'), undefined)
  assert.equal(readHostMessage('not json'), undefined)
})

test('what the host says arrives as it was sent, and half a message does not', () => {
  const messages: HostMessage[] = [
    { type: 'response', id: 4, status: 200, body: [1, 'two', null] },
    { type: 'key', key: '3' },
    { type: 'skip' },
    { type: 'state', waiting: 2 },
    { type: 'settings', settings: { question: 'Which?' } },
  ]
  for (const message of messages) assert.deepEqual(readHostMessage(writeMessage(message)), message)
  assert.deepEqual(readHostMessage('{"type":"response","id":1,"status":204}'), {
    type: 'response',
    id: 1,
    status: 204,
    body: null,
  })
  const half = [
    { type: 'response', id: 'x', status: 200 },
    { type: 'response', id: 1 },
    { type: 'key' },
    { type: 'state', waiting: '2' },
    { type: 'settings', settings: [] },
    { type: 'init', version: BRIDGE_VERSION },
  ]
  for (const message of half) assert.equal(readHostMessage(JSON.stringify(message)), undefined)
})

test('an initial message with members of other types is read with empty ones in their place', () => {
  const odd = {
    type: 'init',
    version: BRIDGE_VERSION,
    project: { id: 'x', name: 5 },
    taskId: '7',
    strings: null,
  }
  assert.deepEqual(readHostMessage(JSON.stringify(odd)), {
    type: 'init',
    version: BRIDGE_VERSION,
    project: { id: 0, short_name: '', name: '', description: '' },
    locale: '',
    taskId: null,
    settings: null,
    strings: {},
    endpoint: '',
    isPreview: false,
  })
})

test('only a hello of this version with a short name is one', () => {
  assert.equal(readHello(writeHello('1-2')), '1-2')
  const others = [
    writeWelcome('1-2'),
    writeHello('x'.repeat(41)),
    JSON.stringify({ manyhands: 'hello', version: BRIDGE_VERSION - 1, document: '1-2' }),
    JSON.stringify({ manyhands: 'hello', version: BRIDGE_VERSION, document: 12 }),
    '{"manyhands":"hello"',
    undefined,
    { manyhands: 'hello', version: BRIDGE_VERSION, document: '1-2' },
  ]
  for (const other of others) assert.equal(readHello(other), undefined)
})
