import assert from 'node:assert/strict'
import test from 'node:test'
import { untilBulkRoom } from '../../src/domain/mails/bulk-room.ts'
import { deliverMail } from '../../src/domain/mails/mail-delivery.ts'
import { queueMail } from '../../src/domain/mails/mail-service.ts'
import type { JobRun } from '../../src/platform/job.ts'
import { eventually, startJobApp, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { startSmtp } from '../support/smtp.ts'

function runOf({ app, db }: JobApp): JobRun {
  return {
    openDb: db,
    commit: (effect) => db().write(effect),
    mustHold: () => Promise.resolve(),
    log: app.log,
    signal: new AbortController().signal,
  }
}

async function queued({ app, db }: JobApp, to: string): Promise<number> {
  const view = { projectName: 'P', reason: 'r', url: 'http://localhost:3000/' }
  const mailId = await db().write((tx) =>
    queueMail(app, tx, { to, subject: 's', template: 'export-failed', view }),
  )
  return mailId ?? 0
}

test('a mail that has left while the primary is away is noted when that is back, and not sent again', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: url })
  const mailId = await queued(job, 'ada@example.org')
  const run = runOf(job)
  let tries = 0
  const commit: JobRun['commit'] = (effect) => {
    tries += 1
    if (tries < 3) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    return run.commit(effect)
  }
  await deliverMail(job.app, { ...run, commit }, mailId)
  assert.equal(received.length, 1)
  assert.deepEqual(await job.sql('select sent is not null as sent from mail'), [{ sent: true }])

  const lost = new AbortController()
  const away: JobRun['commit'] = () => {
    lost.abort(new Error('Another run has the job'))
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  }
  const next = await queued(job, 'bob@example.org')
  await assert.rejects(
    deliverMail(job.app, { ...run, commit: away, signal: lost.signal }, next),
    /ECONNREFUSED/,
  )
})

test('a mail that another worker took while it waited for its turn is left to that one', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: url })
  // Both wait for the one turn: while the first is sent, the other one's row is taken over.
  const send = job.app.mailer.send.bind(job.app.mailer)
  t.mock.method(job.app.mailer, 'send', async (mail: Parameters<typeof send>[0]) => {
    const reply = await send(mail)
    await eventually(async () => (await job.sql('select 1 from outbox where attempts > 0')).length === 2)
    await job.sql(
      `update outbox set holder = gen_random_uuid(), held_until = now() + interval '1 hour',
              not_before = now() + interval '1 hour'
        where payload <> jsonb_build_object('mailId', (select id from mail where recipient = $1))`,
      [mail.to],
    )
    return reply
  })
  for (const to of ['one@example.org', 'two@example.org']) await queued(job, to)
  const { stop } = work(job, undefined, 'send-mail')
  await eventually(async () => (await job.sql('select 1 from outbox where done is not null')).length === 1)
  await stop()
  assert.equal(received.length, 1)
  assert.equal((await job.sql('select 1 from mail where sent is null and error is null')).length, 1)
})

test('whoever writes to very many waits until most of what was written before has left', async (t) => {
  const job = await startJobApp(t)
  await job.sql(
    `insert into outbox (job, payload) select 'send-bulk-mail', '{"mailId": 1}' from generate_series(1, 3)`,
  )
  const run = runOf(job)
  await untilBulkRoom(job.app, run, 4)
  const stopping = new AbortController()
  let isOver = false
  const waiting = untilBulkRoom(job.app, { ...run, signal: stopping.signal }, 3).then(() => (isOver = true))
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  assert.equal(isOver, false)
  await job.sql('update outbox set done = now() where id = (select min(id) from outbox)')
  await waiting

  const stopped = untilBulkRoom(job.app, { ...run, signal: stopping.signal }, 1)
  stopping.abort(new Error('The worker stops'))
  await assert.rejects(stopped, /stops|aborted/)
})
