import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { BridgeClient, BridgeReply } from '../../../src/browser/presenter/bridge-end.ts'
import { FeedError, createTaskFeed } from '../../../src/browser/presenter/task-feed.ts'
import type { BridgeInit, Json } from '../../../src/lib/bridge.ts'

interface Site {
  /** What the site answers to a path (and offset), in turn; the last one for good. */
  answers: Record<string, BridgeReply[]>
  taskId?: number
}

const ok = (body: Json): BridgeReply => ({ status: 200, body })
const task = (id: number, more: Record<string, Json> = {}): BridgeReply =>
  ok({ id, info: { n: id }, ...more })
const INIT: BridgeInit = {
  type: 'init',
  version: 1,
  project: { id: 5, short_name: 'birds', name: 'Birds', description: '' },
  taskId: null,
  locale: 'en',
  settings: null,
  strings: {},
  endpoint: 'http://localhost',
  isPreview: false,
}
const NEWTASK = '/api/project/5/newtask'

/** A feed over the far end of a bridge, whose answers a test decides. */
function setUp({ answers, taskId }: Site) {
  const asked: string[] = []
  const events: string[] = []
  let tell: (waiting: number) => void = () => undefined
  const bridge: BridgeClient = {
    init: { ...INIT, taskId: taskId ?? null },
    request(method, path, content = {}) {
      const name = content.query ? `${path} ${content.query['offset']}` : path
      asked.push(`${method} ${name}`)
      const list = answers[name] ?? [ok({})]
      return Promise.resolve((list.length > 1 ? list.shift() : list[0]) ?? ok({}))
    },
    send: () => undefined,
    onMessage(listener) {
      tell = (waiting) => {
        listener({ type: 'state', waiting })
      }
    },
  }
  const feed = createTaskFeed(bridge, {
    showsCompleted: false,
    onOffline: (isOffline) => events.push(isOffline ? 'offline' : 'online'),
    onUpcoming: ({ id }) => events.push(`upcoming ${id}`),
    onCompletedSkipped: () => events.push('completed'),
  })
  return {
    feed,
    asked,
    events,
    waiting: (count: number) => {
      tell(count)
    },
  }
}

test('one task after the other, each with the next one under way, and nothing at the end', async () => {
  const { feed, events } = setUp({
    answers: { [`${NEWTASK} 0`]: [task(1), ok({})], [`${NEWTASK} 1`]: [task(2), ok({})] },
  })
  assert.equal((await feed.next())?.id, 1)
  assert.equal((await feed.next())?.id, 2)
  assert.deepEqual(events, ['upcoming 2'])
  assert.equal(await feed.next(), undefined)
})

test('while answers wait the same tasks come again, and the feed looks further or waits until they are sent', async () => {
  const { feed, waiting } = setUp({
    answers: {
      [`${NEWTASK} 0`]: [task(1), task(2)],
      [`${NEWTASK} 1`]: [task(1)],
      [`${NEWTASK} 2`]: [task(1)],
    },
  })
  waiting(1)
  assert.equal((await feed.next())?.id, 1)
  const next = feed.next()
  setTimeout(() => {
    waiting(0)
  }, 20)
  assert.equal((await next)?.id, 2)
})

test('the task that the address names comes first, unless it is done, or is none of this project', async () => {
  const named = setUp({ taskId: 9, answers: { '/api/task/9': [task(9)], [`${NEWTASK} 0`]: [task(1)] } })
  assert.equal((await named.feed.next())?.id, 9)
  const done = setUp({
    taskId: 9,
    answers: { '/api/task/9': [task(9, { state: 'completed' })], [`${NEWTASK} 0`]: [task(1)] },
  })
  assert.equal((await done.feed.next())?.id, 1)
  assert.deepEqual(done.events.slice(0, 1), ['completed'])
  const foreign = setUp({
    taskId: 9,
    answers: { '/api/task/9': [{ status: 404, body: null }], [`${NEWTASK} 0`]: [task(1)] },
  })
  assert.equal((await foreign.feed.next())?.id, 1)
})

test('a site that cannot be reached is asked again until it answers', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const away = [0, 502, 429].map((status) => ({ status, body: null }))
  const { feed, events } = setUp({ answers: { [`${NEWTASK} 0`]: [...away, task(1)] } })
  const next = feed.next()
  for (let n = 0; n < 10; n += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    t.mock.timers.tick(20_000)
  }
  assert.equal((await next)?.id, 1)
  assert.deepEqual(events.slice(0, 4), ['offline', 'offline', 'offline', 'online'])
})

test('a refusal is told with its reason, where it has one', async () => {
  const cases: [BridgeReply, string | undefined][] = [
    [{ status: 403, body: { exception_msg: 'Not you.' } }, 'Not you.'],
    [{ status: 404, body: null }, undefined],
    [ok({ id: null, info: { error: 'No anonymous contributors' } }), 'No anonymous contributors'],
  ]
  for (const [reply, reason] of cases) {
    const { feed } = setUp({ answers: { [`${NEWTASK} 0`]: [reply] } })
    await assert.rejects(feed.next(), (error) => error instanceof FeedError && error.reason === reason)
  }
})

test('answers and skips go to the site; a task whose answer failed may come again', async () => {
  const { feed, asked } = setUp({
    answers: {
      [`${NEWTASK} 0`]: [task(1)],
      [`${NEWTASK} 1`]: [ok({})],
      '/api/taskrun': [
        { status: 500, body: null },
        { status: 403, body: null },
      ],
    },
  })
  await feed.next()
  assert.equal((await feed.save(1, 'Yes')).status, 500)
  assert.equal((await feed.next())?.id, 1)
  assert.equal((await feed.save(1, 'Yes')).status, 403)
  await feed.skip(1)
  assert.ok(asked.includes('POST /api/project/5/skip'))
})
