import assert from 'node:assert/strict'
import test from 'node:test'
import { Queue } from 'bullmq'
import { jobs } from '../../jobs/index.ts'
import { requestExport } from '../../src/domain/exports/export-service.ts'
import { queueMail, queueNotice } from '../../src/domain/mails/mail-service.ts'
import { queuePrefix } from '../../src/platform/queue.ts'
import { closeRedis, createRedis } from '../../src/platform/redis.ts'
import { eventually, newOwner, newProject, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { startSmtp } from '../support/smtp.ts'
import type { MailServer } from '../support/smtp.ts'
import { startProgram } from '../support/started-site.ts'

async function queueMails({ app, db }: JobApp, name: string, count: number): Promise<string[]> {
  const addresses = Array.from({ length: count }, (_, n) => `${name}-${n}@example.org`)
  const view = { projectName: 'P', reason: 'r', url: 'http://localhost:3000/' }
  await db().write(async (tx) => {
    for (const to of addresses)
      await queueMail(app, tx, { to, subject: name, template: 'export-failed', view })
  })
  return addresses
}

const recipients = ({ received }: MailServer) => received.map(({ to }) => to).sort()

/** Lets the time pass for which jobs wait, and in which a killed worker is believed to live. */
async function letTimePass({ app, sql }: JobApp): Promise<void> {
  const connection = createRedis(app.config.redis.queue, 'producer', app.log)
  const prefix = queuePrefix(app.config.redis.prefix)
  const queue = new Queue('send-mail', { connection, prefix })
  await queue.promoteJobs()
  const locks = await connection.keys(`${prefix}:send-mail:*:lock`)
  if (locks.length > 0) await connection.del(locks)
  await queue.close()
  await closeRedis(connection)
  await sql(`update outbox set held_until = null, not_before = now() where done is null`)
}

test('while the mail server is away mails wait; when it is back all of them arrive, none twice', async (t) => {
  const smtp = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: smtp.url })
  work(job)
  const before = await queueMails(job, 'before', 10)
  await eventually(() => smtp.received.length >= 3)
  await smtp.stop()
  const during = await queueMails(job, 'during', 10)
  await eventually(async () => {
    const [row] = await job.sql('select count(*) as n from outbox where done is null and error is null')
    return row?.['n'] === 0
  })
  const left = await job.sql('select attempts from outbox where done is null')
  assert.ok(left.length >= 10, `${left.length} wait`)
  assert.ok(left.every(({ attempts }) => attempts === 0))

  await smtp.start()
  await letTimePass(job)
  await untilJobsEnd(job)
  assert.deepEqual(recipients(smtp), [...before, ...during].sort())
  assert.deepEqual(await job.sql('select 1 from mail where sent is null or error is not null'), [])
})

test('a worker that is killed in the middle of a mail loses none, and makes one come twice at most', async (t) => {
  let kill = () => undefined as unknown
  const smtp = await startSmtp(t, () => {
    if (smtp.received.length === 7) kill()
  })
  const job = await startJobApp(t, { MAIL_URL: smtp.url })
  const first = startProgram('src/bin/worker.ts', [], { ...job.env, WORKER_JOBS: 'send-mail,send-bulk-mail' })
  // The mail server has taken the eighth mail when the worker dies, and its yes is heard by nobody.
  kill = () => first.child.kill('SIGKILL')
  const sent = await queueMails(job, 'all', 20)
  assert.equal(await first.ends(), 'SIGKILL')
  assert.equal(smtp.received.length, 8)
  const [noted] = await job.sql('select count(*) as n from mail where sent is not null')
  assert.equal(noted?.['n'], 7)

  kill = () => undefined
  await letTimePass(job)
  work(job)
  await untilJobsEnd(job)
  assert.equal(smtp.received.length, 21)
  assert.deepEqual([...new Set(recipients(smtp))], sent.sort())
  assert.equal(new Set(smtp.received.map(({ messageId }) => messageId)).size, 20)
  assert.deepEqual(await job.sql('select 1 from mail where sent is null'), [])
})

test('a mail never waits behind exports', async (t) => {
  const smtp = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: smtp.url })
  const owner = await newOwner(job)
  const isOver = Promise.withResolvers<undefined>()
  let begun = 0
  const endless = {
    ...jobs['export-project'],
    async handle() {
      begun += 1
      await isOver.promise
    },
  }
  work(job, { ...jobs, 'export-project': endless })
  for (let n = 0; n < 6; n += 1) {
    const project = await newProject(job, owner)
    await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
  }
  await eventually(() => begun === endless.concurrency)
  await queueMails(job, 'mail', 1)
  await eventually(() => smtp.received.length === 1)
  assert.equal(begun, endless.concurrency)
  isOver.resolve(undefined)
})

test('a new password never waits behind a newsletter', async (t) => {
  const smtp = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: smtp.url, MAIL_LIMIT: 'off' })
  const to = await newOwner(job)
  const view = { count: 1, projects: [], url: 'http://localhost:3000/' }
  await job.db().write(async (tx) => {
    for (let n = 0; n < 60; n += 1) {
      const notice = { to, kind: 'weekly-report', subject: 'News', template: 'weekly-report', view } as const
      await queueNotice(job.app, tx, notice)
    }
  })
  const [password = ''] = await queueMails(job, 'password', 1)
  work(job)
  await untilJobsEnd(job)
  const place = smtp.received.findIndex(({ to: recipient }) => recipient === password)
  assert.equal(smtp.received.length, 61)
  assert.ok(place < 20, `it was number ${place}`)
})
