import assert from 'node:assert/strict'
import test from 'node:test'
import { Queue } from 'bullmq'
import { sql } from 'kysely'
import { jobs } from '../../jobs/index.ts'
import { claimDue } from '../../src/platform/outbox-store.ts'
import { queuePrefix } from '../../src/platform/queue.ts'
import { closeRedis, createRedis } from '../../src/platform/redis.ts'
import {
  eventually,
  letRepeatTimePass,
  startJobApp,
  startOwnRedis,
  untilJobsEnd,
  work,
} from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'

const CLAIM = { limit: 10, urgent: ['send-mail'], repeatSeconds: 60, repeatSecondsMax: 600 }

/** The catalogue with a `send-mail` that only notes which mails it was given. */
function notingJobs(seen: number[], pause = () => Promise.resolve()) {
  const sendMail: (typeof jobs)['send-mail'] = {
    ...jobs['send-mail'],
    async handle(_app, { mailId }) {
      seen.push(mailId)
      await pause()
    },
  }
  return { ...jobs, 'send-mail': sendMail }
}

async function enqueueMails(job: JobApp, mailIds: number[]): Promise<void> {
  await job.db().write(async (tx) => {
    for (const mailId of mailIds) await job.app.queue.enqueue(tx, 'send-mail', { mailId })
  })
}

test('a job runs once the transaction that makes it has committed, and never when it rolls back', async (t) => {
  const job = await startJobApp(t)
  const seen: number[] = []
  work(job, notingJobs(seen))

  const rolledBack = job.db().write(async (tx) => {
    await job.app.queue.enqueue(tx, 'send-mail', { mailId: 1 })
    throw new Error('changed my mind')
  })
  await assert.rejects(rolledBack, /changed my mind/)
  await enqueueMails(job, [2])
  await untilJobsEnd(job)

  assert.deepEqual(seen, [2])
})

test('a key makes a job at most once', async (t) => {
  const job = await startJobApp(t)
  const enqueue = (mailId: number) =>
    job.db().write((tx) => job.app.queue.enqueue(tx, 'send-mail', { mailId }, { once: 'key' }))

  assert.equal(typeof (await enqueue(1)), 'number')
  assert.equal(await enqueue(2), undefined)
})

test('a payload that the job does not understand is refused when it is sent', async (t) => {
  const job = await startJobApp(t)
  await assert.rejects(enqueueMails(job, [-1]), /mailId/)
})

test('a job that is due later does not run before', async (t) => {
  const job = await startJobApp(t)
  const seen: number[] = []
  work(job, notingJobs(seen))
  const notBefore = new Date(Date.now() + 1_200).toISOString()
  await job.db().write((tx) => job.app.queue.enqueue(tx, 'send-mail', { mailId: 1 }, { notBefore }))
  await enqueueMails(job, [2])

  await eventually(() => seen.length === 1)
  assert.deepEqual(seen, [2])
  await untilJobsEnd(job)
  assert.deepEqual(seen, [2, 1])
})

test('a job carries the request id of the request that made it', async (t) => {
  const { runInContext, currentRequestId } = await import('../../src/platform/request-context.ts')
  const job = await startJobApp(t)
  let seen: string | undefined
  const sendMail: (typeof jobs)['send-mail'] = {
    ...jobs['send-mail'],
    handle() {
      seen = currentRequestId()
      return Promise.resolve()
    },
  }
  work(job, { ...jobs, 'send-mail': sendMail })
  await runInContext({ requestId: 'request-12345678' }, () => enqueueMails(job, [1]))
  await untilJobsEnd(job)
  assert.equal(seen, 'request-12345678')
})

test('a job carries the position of the write that made it, and reads where that is shown', async (t) => {
  const job = await startJobApp(t)
  await enqueueMails(job, [1])
  await job.app.queue.sweep()
  const { redis } = job.app.config
  const connection = createRedis(redis.queue, 'producer', job.app.log)
  const queue = new Queue<{ position: string }>('send-mail', {
    connection,
    prefix: queuePrefix(redis.prefix),
  })
  const [waiting] = await queue.getWaiting()
  assert.match(waiting?.data.position ?? '', /^[0-9A-F]+\/[0-9A-F]+$/)
  // No replica has come so far.
  await waiting?.updateData({ ...waiting.data, position: 'FFFFFFFF/0' })
  await queue.close()
  await closeRedis(connection)

  const wereReplicas: (boolean | undefined)[] = []
  const sendMail: (typeof jobs)['send-mail'] = {
    ...jobs['send-mail'],
    async handle(_app, _payload, { openDb }) {
      const { rows } = await openDb().read((db) =>
        sql<{ is: boolean }>`select pg_is_in_recovery() as is`.execute(db),
      )
      wereReplicas.push(rows[0]?.is)
    },
  }
  work(job, { ...jobs, 'send-mail': sendMail })
  await untilJobsEnd(job)
  assert.deepEqual(wereReplicas, [false])
})

test('jobs that wait when the queue servers are wiped all run by themselves, each once', async (t) => {
  const redis = await startOwnRedis()
  const job = await startJobApp(t, {}, redis)
  const mailIds = Array.from({ length: 30 }, (_, index) => index + 1)
  await enqueueMails(job, mailIds)
  await job.app.queue.sweep()

  await redis.flush()
  const seen: number[] = []
  work(job, notingJobs(seen))
  await untilJobsEnd(job)
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    mailIds,
  )
})

test('an operator fills wiped queue servers again at once', async (t) => {
  const redis = await startOwnRedis()
  const job = await startJobApp(t, {}, redis)
  await enqueueMails(job, [1, 2, 3])
  await job.app.queue.sweep()
  await redis.flush()
  assert.equal(await job.app.queue.rebuild(), 3)
  const seen: number[] = []
  work(job, notingJobs(seen))
  await untilJobsEnd(job)
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    [1, 2, 3],
  )
})

test('a row that was claimed by a process that died then is handed out again', async (t) => {
  const job = await startJobApp(t)
  await enqueueMails(job, [1])
  await job.app.queue.sweep()
  await letRepeatTimePass(job)
  const claimed = await job.db().call((primary) => claimDue(primary, CLAIM))
  assert.equal(claimed.length, 1)
  assert.equal(await job.app.queue.sweep(), 0, 'for a minute it is left to who claimed it')

  const seen: number[] = []
  work(job, notingJobs(seen))
  await letRepeatTimePass(job)
  await untilJobsEnd(job)
  assert.deepEqual(seen, [1])
})

test('a mail is handed out before all others that are due, however many they are', async (t) => {
  const job = await startJobApp(t)
  await job.sql(`insert into outbox (job, payload, not_before)
    select 'send-bulk-mail', '{"mailId": 1}', now() - interval '1 hour' from generate_series(1, 500)`)
  await job.sql(`insert into outbox (job, payload) values ('send-mail', '{"mailId": 2}')`)
  const claimed = await job.db().call((primary) => claimDue(primary, CLAIM))
  const counts = [...Map.groupBy(claimed, (row) => row.job)].map(([name, rows]) => [name, rows.length])
  assert.deepEqual(Object.fromEntries(counts), { 'send-mail': 1, 'send-bulk-mail': 9 })
})

test('a job that waits is handed out again more and more seldom, and one that nobody was given yet soon', async (t) => {
  const job = await startJobApp(t)
  await job.sql(`insert into outbox (job, payload, once, enqueued) values
    ('send-mail', '{"mailId": 1}', 'new', null),
    ('send-mail', '{"mailId": 1}', 'five minutes', now() - interval '5 min'),
    ('send-mail', '{"mailId": 1}', 'a day', now() - interval '1 day')`)
  await job.db().call((primary) => claimDue(primary, CLAIM))
  const rows = await job.sql(
    `select once, round(extract(epoch from not_before - now()) / 60)::int as minutes from outbox order by id`,
  )
  assert.deepEqual(rows, [
    { once: 'new', minutes: 1 },
    { once: 'five minutes', minutes: 5 },
    { once: 'a day', minutes: 10 },
  ])
})

test('handing a running job out again, even to a wiped server, does not run it twice', async (t) => {
  const redis = await startOwnRedis()
  const job = await startJobApp(t, {}, redis)
  const seen: number[] = []
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  const catalogue = notingJobs(seen, () => released)
  work(job, catalogue)
  work(job, catalogue)
  await enqueueMails(job, [1])
  await eventually(() => seen.length === 1)

  await letRepeatTimePass(job)
  assert.equal(await job.app.queue.sweep(), 1)
  await redis.flush()
  await letRepeatTimePass(job)
  assert.equal(await job.app.queue.sweep(), 1)
  await new Promise((resolve) => setTimeout(resolve, 500))
  release()
  await untilJobsEnd(job)

  assert.deepEqual(seen, [1])
})

test('while the queue servers are away jobs wait, and a process that started without them finds them later', async (t) => {
  const redis = await startOwnRedis()
  await redis.stop()
  const job = await startJobApp(t, {}, redis)
  await enqueueMails(job, [1])
  assert.equal(await job.app.queue.relay(), 0)
  await assert.rejects(job.app.queue.sweep(), /away/)

  const seen: number[] = []
  work(job, notingJobs(seen))
  await redis.start()
  await untilJobsEnd(job, 15_000)
  assert.deepEqual(seen, [1])
})

test('queue servers that are back are given what waited at once, before the next sweep', async (t) => {
  const redis = await startOwnRedis()
  const job = await startJobApp(t, {}, redis)
  await redis.stop()
  await enqueueMails(job, [1])
  assert.equal(await job.app.queue.relay(), 0)

  await redis.start()
  await eventually(async () => {
    const [row] = await job.sql('select enqueued is not null as "isSent" from outbox')
    return row?.['isSent'] === true
  }, 5_000)
})
