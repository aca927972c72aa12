import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRunQueue } from '../../../src/browser/contribute/run-queue.ts'
import type { EntryStorage, Reply, RunQueueOptions } from '../../../src/browser/contribute/run-queue.ts'
import type { TaskRunBody } from '../../../src/lib/bridge-allow-list.ts'

function run(taskId: number, info = 'Yes'): TaskRunBody {
  return { project_id: 1, task_id: taskId, info }
}

function storage(): EntryStorage & { names(): string[] } {
  const items = new Map<string, string>()
  return {
    get length() {
      return items.size
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => void items.set(name, value),
    removeItem: (name) => void items.delete(name),
    names: () => [...items.keys()],
  }
}

/** A site that answers with the given statuses in turn and remembers what it was sent. */
function site(...statuses: number[]) {
  const posts: { taskId: number; key: string }[] = []
  const post: RunQueueOptions['post'] = (body, key) => {
    posts.push({ taskId: body.task_id, key })
    const status = statuses.shift() ?? 200
    return Promise.resolve({ status, body: status === 200 ? { id: posts.length } : null })
  }
  return { post, posts }
}

/** A queue that is emptied when the test ends, or its timer would keep the process. */
function queueOver(t: TestContext, post: RunQueueOptions['post'], more: Partial<RunQueueOptions> = {}) {
  const refusals: [number, boolean][] = []
  let isOver = false
  t.after(() => {
    isOver = true
    queue.retryNow()
  })
  const queue = createRunQueue({
    post: (body, key) => (isOver ? Promise.resolve({ status: 200, body: null }) : post(body, key)),
    storage: undefined,
    name: 'unsent.ann.1.',
    onChange: () => undefined,
    onRefused: (reply, isFromEarlier) => refusals.push([reply.status, isFromEarlier]),
    pauseMs: 5,
    pauseMaxMs: 20,
    ...more,
  })
  return { queue, refusals }
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 5_000; !condition();) {
    assert.ok(Date.now() < end, 'it never came')
    await sleep(2)
  }
}

test('a saved task run is answered with what the site stored and leaves the browser', async (t) => {
  const kept = storage()
  const { post, posts } = site(200)
  const { queue } = queueOver(t, post, { storage: kept })
  const reply = queue.submit(run(7))
  assert.deepEqual(queue.state(), { saving: 1, waiting: 0, saved: 0 })
  assert.equal(kept.names().length, 1)
  assert.deepEqual(await reply, { status: 200, body: { id: 1 } })
  assert.deepEqual(queue.state(), { saving: 0, waiting: 0, saved: 1 })
  assert.deepEqual(kept.names(), [])
  assert.equal(posts.length, 1)
})

test('a task run that cannot be sent waits, and is sent again with the same key until it is taken', async (t) => {
  const { post, posts } = site(0, 503, 429, 200)
  const { queue } = queueOver(t, post)
  assert.deepEqual(await queue.submit(run(7)), { status: 202, body: { id: null, ...run(7) } })
  assert.equal(queue.state().waiting, 1)
  await until(() => queue.state().saved === 1)
  assert.equal(posts.length, 4)
  assert.equal(new Set(posts.map(({ key }) => key)).size, 1)
  assert.deepEqual(queue.state(), { saving: 0, waiting: 0, saved: 1 })
})

test('waiting task runs go out one after the other, oldest first', async (t) => {
  const { post, posts } = site(0, 0, 0)
  const { queue } = queueOver(t, post, { pauseMs: 1_000, pauseMaxMs: 1_000 })
  for (const id of [1, 2, 3]) await queue.submit(run(id))
  posts.length = 0
  queue.retryNow()
  await until(() => queue.state().saved === 3)
  assert.deepEqual(
    posts.map(({ taskId }) => taskId),
    [1, 2, 3],
  )
})

test('the first success sends everything that waits', async (t) => {
  const { post } = site(0)
  const { queue } = queueOver(t, post, { pauseMs: 60_000, pauseMaxMs: 60_000 })
  await queue.submit(run(1))
  await queue.submit(run(2))
  await until(() => queue.state().saved === 2)
})

test('a second task run for a task that is still kept is not posted', async (t) => {
  const { post, posts } = site(0)
  const { queue } = queueOver(t, post, { pauseMs: 60_000, pauseMaxMs: 60_000 })
  const [first, second] = await Promise.all([queue.submit(run(7, 'Yes')), queue.submit(run(7, 'No'))])
  assert.deepEqual(second, first)
  assert.deepEqual(await queue.submit(run(7, 'No')), first)
  assert.equal(posts.length, 1)
})

test('what an earlier page could not send is sent by the next one, of the same contributor only', async (t) => {
  const kept = storage()
  const offline = site(0)
  await queueOver(t, offline.post, { storage: kept, pauseMs: 60_000, pauseMaxMs: 60_000 }).queue.submit(
    run(7),
  )

  const stranger = site()
  const other = queueOver(t, stranger.post, { storage: kept, name: 'unsent.bob.1.' })
  await other.queue.settled()
  assert.equal(stranger.posts.length, 0)

  const online = site(200)
  const { queue } = queueOver(t, online.post, { storage: kept })
  await until(() => queue.state().saved === 1)
  assert.deepEqual(online.posts, offline.posts)
  assert.deepEqual(kept.names(), [])
})

test('a refused task run is reported and not sent again', async (t) => {
  const kept = storage()
  kept.setItem('unsent.ann.1.old', JSON.stringify(run(3)))
  const { post, posts } = site(403, 403)
  const { queue, refusals } = queueOver(t, post, { storage: kept })
  await until(() => refusals.length === 1)
  assert.equal((await queue.submit(run(7))).status, 403)
  assert.deepEqual(refusals, [
    [403, true],
    [403, false],
  ])
  await sleep(30)
  assert.equal(posts.length, 2)
  assert.deepEqual(queue.state(), { saving: 0, waiting: 0, saved: 0 })
})

test('when the session ended the presenter is told and the task run is kept', async (t) => {
  const kept = storage()
  const { post } = site(401)
  const { queue } = queueOver(t, post, { storage: kept, pauseMs: 60_000, pauseMaxMs: 60_000 })
  assert.equal((await queue.submit(run(7))).status, 401)
  assert.equal(queue.state().waiting, 1)
  assert.equal(kept.names().length, 1)
})

test('a broken or full storage loses nothing while the page is open', async (t) => {
  const full: EntryStorage = {
    length: 2,
    key: (index) => ['unsent.ann.1.a', 'unsent.ann.1.b'][index] ?? null,
    getItem: (name) => (name.endsWith('a') ? '{not json' : '{"task_id":"x"}'),
    setItem: () => {
      throw new Error('QuotaExceededError')
    },
    removeItem: () => {
      throw new Error('SecurityError')
    },
  }
  const { post, posts } = site(0, 200)
  const { queue } = queueOver(t, post, { storage: full })
  await queue.submit(run(7))
  await until(() => queue.state().saved === 1)
  assert.equal(posts.length, 2)
})

test('a task run that fails while others are being sent is not forgotten', async (t) => {
  const slow = Promise.withResolvers<Reply>()
  const answers = [
    Promise.resolve({ status: 0, body: null }),
    slow.promise,
    Promise.resolve({ status: 0, body: null }),
  ]
  const ok: Reply = { status: 200, body: {} }
  const { queue } = queueOver(t, () => answers.shift() ?? Promise.resolve(ok))
  await queue.submit(run(1))
  await until(() => queue.state().saving === 1)
  await queue.submit(run(2))
  slow.resolve(ok)
  await until(() => queue.state().saved === 2)
})

test('settled waits for what is on its way, not for what waits', async (t) => {
  const slow = Promise.withResolvers<Reply>()
  const { queue } = queueOver(t, () => slow.promise, { pauseMs: 60_000, pauseMaxMs: 60_000 })
  void queue.submit(run(1))
  let isSettled = false
  const settled = queue.settled().then(() => (isSettled = true))
  await sleep(5)
  assert.equal(isSettled, false)
  slow.resolve({ status: 0, body: null })
  await settled
  assert.equal(queue.state().waiting, 1)
})
