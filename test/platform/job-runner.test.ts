import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { jobs } from '../../jobs/index.ts'
import { PermanentError, PostponeError } from '../../src/platform/job.ts'
import type { Job } from '../../src/platform/job.ts'
import { startJobs } from '../../src/platform/job-runner.ts'
import { eventually, letRepeatTimePass, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'

type MailJob = Job<'send-mail'>

/** The catalogue with one job that behaves as a test wants it. */
function jobsWith(behaviour: Partial<MailJob>) {
  return {
    ...jobs,
    'send-mail': { ...jobs['send-mail'], backoffSeconds: 0.01, giveUp: doNothing, ...behaviour },
  }
}

const doNothing = () => Promise.resolve()

async function enqueue(job: JobApp, mailId = 1): Promise<void> {
  await job.db().write((tx) => job.app.queue.enqueue(tx, 'send-mail', { mailId }))
}

async function outboxRow({ sql }: JobApp) {
  const [row] = await sql(
    'select done is not null as done, failed is not null as failed, error, attempts, holder, held_until from outbox',
  )
  return row ?? {}
}

test('a job that fails is tried again until it succeeds', async (t) => {
  const job = await startJobApp(t)
  let runs = 0
  work(
    job,
    jobsWith({
      handle() {
        runs += 1
        return runs < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve()
      },
    }),
  )
  await enqueue(job)
  await untilJobsEnd(job)

  const { done, error, attempts } = await outboxRow(job)
  assert.deepEqual({ done, error, attempts, runs }, { done: true, error: null, attempts: 3, runs: 3 })
})

test('after its last attempt a job ends as failed with its error, and gives up in the same transaction', async (t) => {
  const job = await startJobApp(t)
  let runs = 0
  work(
    job,
    jobsWith({
      attempts: 2,
      handle() {
        runs += 1
        return Promise.reject(new Error('the disk is full'))
      },
      async giveUp(_app, tx, { mailId }, error) {
        await tx
          .insertInto('schedule_slot')
          .values({ task: `${mailId} ${String(error)}`, slot: 'now()' })
          .execute()
      },
    }),
  )
  await enqueue(job, 7)
  await untilJobsEnd(job)

  const { failed, error, attempts } = await outboxRow(job)
  assert.deepEqual({ failed, error, attempts }, { failed: true, error: 'the disk is full', attempts: 2 })
  assert.equal(runs, 2)
  assert.deepEqual(await job.sql('select task from schedule_slot'), [{ task: '7 Error: the disk is full' }])
})

test('a failure that cannot be mended ends a job at once', async (t) => {
  const job = await startJobApp(t)
  work(job, jobsWith({ handle: () => Promise.reject(new PermanentError('there is no such project')) }))
  await enqueue(job)
  await untilJobsEnd(job)

  const { failed, error, attempts } = await outboxRow(job)
  assert.deepEqual(
    { failed, error, attempts },
    { failed: true, error: 'there is no such project', attempts: 1 },
  )
})

test('an attempt that is put off does not count', async (t) => {
  const job = await startJobApp(t)
  let runs = 0
  work(
    job,
    jobsWith({
      attempts: 1,
      handle() {
        runs += 1
        return runs < 4 ? Promise.reject(new PostponeError('the server is away', 0.01)) : Promise.resolve()
      },
    }),
  )
  await enqueue(job)
  await untilJobsEnd(job)

  const { done, attempts } = await outboxRow(job)
  assert.deepEqual({ done, attempts, runs }, { done: true, attempts: 1, runs: 4 })
})

test('a payload that is no longer understood fails without an attempt to give up', async (t) => {
  const job = await startJobApp(t)
  let gaveUp = false
  const giveUp = () => {
    gaveUp = true
    return Promise.resolve()
  }
  await enqueue(job)
  await job.sql(`update outbox set payload = '{"mail": 1}'`)
  work(job, jobsWith({ giveUp }))
  await letRepeatTimePass(job)
  await untilJobsEnd(job)

  const { failed, error } = await outboxRow(job)
  assert.equal(failed, true)
  assert.match(String(error), /^Its payload is not understood/)
  assert.equal(gaveUp, false)
})

test('an effect and the end of its job are committed together or not at all', async (t) => {
  const job = await startJobApp(t)
  let runs = 0
  work(
    job,
    jobsWith({
      async handle(_app, _payload, run) {
        runs += 1
        await run.commit(async (tx) => {
          await tx
            .insertInto('schedule_slot')
            .values({ task: `run ${runs}`, slot: 'now()' })
            .execute()
          if (runs === 1) throw new Error('the connection broke')
        })
        throw new Error('nothing that follows makes the job run again')
      },
    }),
  )
  await enqueue(job)
  await untilJobsEnd(job)

  const { done, attempts } = await outboxRow(job)
  assert.deepEqual({ done, attempts }, { done: true, attempts: 2 })
  assert.deepEqual(await job.sql('select task from schedule_slot'), [{ task: 'run 2' }])
})

test('a run whose job was taken over is told so, and its effect is refused', async (t) => {
  const job = await startJobApp(t)
  let refusal: unknown
  let told: unknown
  work(
    job,
    jobsWith({
      async handle(_app, _payload, run) {
        await job.sql('update outbox set holder = gen_random_uuid()')
        refusal = await run.commit(doNothing).catch((error: unknown) => error)
        await eventually(() => run.signal.aborted, 20_000)
        told = run.signal.reason
        run.signal.throwIfAborted()
      },
    }),
  )
  await enqueue(job)
  await eventually(() => told !== undefined)

  assert.match(String(refusal), /Another run has taken this job over/)
  assert.match(String(told), /Another run has taken this job over/)
  const { done, failed } = await outboxRow(job)
  assert.deepEqual({ done, failed }, { done: false, failed: false })
})

test('a job whose worker was killed in the middle of every attempt fails and says so', async (t) => {
  const job = await startJobApp(t)
  await enqueue(job)
  await job.sql('update outbox set attempts = 8')
  let runs = 0
  const handle = () => Promise.resolve(void (runs += 1))
  work(job, jobsWith({ handle }))
  await letRepeatTimePass(job)
  await untilJobsEnd(job)

  const { failed, error } = await outboxRow(job)
  assert.equal(failed, true)
  assert.equal(error, 'Its worker ended 8 times in the middle of it')
  assert.equal(runs, 0)
})

test('while giving up does not succeed the job stays open', async (t) => {
  const job = await startJobApp(t)
  const refuse = (message: string) => () => Promise.reject(new Error(message))
  work(job, jobsWith({ attempts: 1, handle: refuse('broken'), giveUp: refuse('cannot even say so') }))
  await enqueue(job)
  await eventually(async () => (await outboxRow(job))['error'] === 'cannot even say so')

  const { done, failed, held_until: heldUntil } = await outboxRow(job)
  assert.deepEqual({ done, failed, heldUntil }, { done: false, failed: false, heldUntil: null })
})

test('a worker that stops waits for running jobs and takes no new ones', async (t) => {
  const job = await startJobApp(t)
  const seen: number[] = []
  const { stop } = work(
    job,
    jobsWith({
      concurrency: 1,
      async handle(_app, { mailId }) {
        seen.push(mailId)
        await sleep(300)
      },
    }),
  )
  await enqueue(job, 1)
  await eventually(() => seen.length === 1)
  await enqueue(job, 2)
  await stop()

  assert.deepEqual(seen, [1])
  assert.deepEqual(
    await job.sql('select (payload->>$1)::int as mail from outbox where done is not null', ['mailId']),
    [{ mail: 1 }],
  )
})

test('a job that is cancelled because its worker stops is free at once and loses no attempt', async (t) => {
  const job = await startJobApp(t)
  let isRunning = false
  const { stop } = work(
    job,
    jobsWith({
      async handle(_app, _payload, run) {
        isRunning = true
        await sleep(60_000, undefined, { signal: run.signal })
      },
    }),
  )
  await enqueue(job)
  await eventually(() => isRunning)
  await stop(100)

  const { done, failed, attempts, holder } = await outboxRow(job)
  assert.deepEqual(
    { done, failed, attempts, holder },
    { done: false, failed: false, attempts: 0, holder: null },
  )

  work(job, jobsWith({ handle: doNothing }))
  await untilJobsEnd(job)
})

test('a worker can be told to take some jobs only, and refuses names that do not exist', async (t) => {
  const job = await startJobApp(t)
  const only = (...names: string[]) => new Map(names.map((name) => [name, undefined]))
  assert.throws(() => startJobs(job.app, jobs, only('send-mail', 'send-post')), /do not exist: send-post/)
  assert.throws(() => startJobs(job.app, jobs, only('constructor')), /do not exist: constructor/)

  const runner = startJobs(job.app, jobsWith({ handle: doNothing }), only('export-project'))
  await enqueue(job)
  await sleep(500)
  await runner.stop(1_000)
  assert.equal((await outboxRow(job))['done'], false)
})

test('a worker can be told how many jobs of a name it runs at once', async (t) => {
  const job = await startJobApp(t)
  const all = Promise.withResolvers<undefined>()
  let running = 0
  const handle = () => {
    running += 1
    return all.promise
  }
  const catalogue = jobsWith({ handle, concurrency: 1 })
  const runner = startJobs(job.app, catalogue, new Map([['send-mail', 3]]))
  job.after(() => runner.stop(1_000))
  for (let mailId = 1; mailId <= 4; mailId += 1) await enqueue(job, mailId)
  await eventually(() => running === 3)
  await sleep(200)
  assert.equal(running, 3)
  all.resolve(undefined)
  await untilJobsEnd(job)
  assert.equal(running, 4)
})

test('a job that could not even be taken, because the database refused it, is offered again', async (t) => {
  const job = await startJobApp(t)
  await enqueue(job)
  await job.app.queue.sweep()
  let runs = 0
  await job.asMigrator('revoke update on outbox from app_rw')
  const runner = startJobs(job.app, jobsWith({ handle: () => Promise.resolve(void (runs += 1)) }))
  job.after(() => runner.stop(1_000))
  await sleep(500)
  assert.equal(runs, 0)
  await job.asMigrator('grant update on outbox to app_rw')
  await untilJobsEnd(job)
  assert.equal(runs, 1)
})
