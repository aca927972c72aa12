import assert from 'node:assert/strict'
import test from 'node:test'
import { jobs } from '../../jobs/index.ts'
import { choose, isSubscribed } from '../../src/domain/mails/choice-service.ts'
import { getMailFor, listMailsFor, queueMail, queueNotice } from '../../src/domain/mails/mail-service.ts'
import type { MailInput } from '../../src/domain/mails/mail-service.ts'
import { getSuppression, liftSuppression, suppress } from '../../src/domain/mails/suppression-service.ts'
import { workState } from '../../src/domain/status/status-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { NotFoundError } from '../../src/lib/errors.ts'
import { runInContext } from '../../src/platform/request-context.ts'
import { eventually, newOwner, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'
import { SmtpRefusal, startSmtp } from '../support/smtp.ts'

const MAIL: MailInput = {
  to: 'ada@example.org',
  subject: 'Your export of Zoë & Co is ready',
  template: 'export-ready',
  view: {
    projectName: '<b>Zoë & Co</b>',
    rows: 3,
    fileName: 'x.zip',
    size: '3 kB',
    days: 7,
    url: 'http://localhost:3000/x?a=1&b=2',
  },
}

async function queue(job: JobApp, mail: Partial<MailInput> = {}): Promise<void> {
  await job.db().write((tx) => queueMail(job.app, tx, { ...MAIL, ...mail }))
}

const impatient = { ...jobs, 'send-mail': { ...jobs['send-mail'], backoffSeconds: 0.01 } }

function queueNotices(job: JobApp, to: User, once?: string): Promise<boolean> {
  const view = { projectName: 'P', tasks: 1, answers: 2, url: 'http://localhost:3000/x' }
  const notice = { to, kind: 'project', subject: 'Done', template: 'project-completed', view } as const
  return job.db().write((tx) => queueNotice(job.app, tx, once === undefined ? notice : { ...notice, once }))
}

/** Long header lines are folded. */
function unfolded(source = ''): string {
  return source.replace(/\r\n[ \t]+/g, ' ')
}

async function mailRow({ sql }: JobApp) {
  const [row] = await sql('select sent is not null as sent, error from mail')
  return row
}

test('a mail leaves as text and HTML, with what was put in escaped where it has to be', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: url, MAIL_FROM: 'Manyhands <hello@example.org>' })
  work(job)
  await queue(job)
  await untilJobsEnd(job)

  assert.equal(received.length, 1)
  const [mail] = received
  assert.equal(mail?.to, 'ada@example.org')
  assert.match(mail.source, /^From: Manyhands <hello@example\.org>\r$/m)
  assert.match(mail.source, /Content-Type: text\/plain/)
  assert.match(mail.source, /Content-Type: text\/html/)
  assert.deepEqual(await mailRow(job), { sent: true, error: null })

  await waitForReplica()
  const [kept] = await listMailsFor(job.db(), { email: 'Ada@example.org' })
  assert.match(kept?.htmlBody ?? '', /&lt;b&gt;Zoë &amp; Co&lt;\/b&gt;/)
  assert.match(kept?.textBody ?? '', /^3 rows of <b>Zoë & Co<\/b> are in x\.zip \(3 kB\)\.$/m)
  assert.match(kept?.textBody ?? '', /http:\/\/localhost:3000\/x\?a=1&b=2/)
  // Only the mailbox shows it: it may hold what proves that somebody reads there.
  await assert.rejects(
    getMailFor(job.app, job.db(), { email: 'ada@example.org' }, kept?.id ?? 0),
    NotFoundError,
  )
})

test('one of a thing is said so in a mail', async (t) => {
  const job = await startJobApp(t)
  await queue(job, { view: { ...MAIL.view, rows: 1, days: 1 } })
  const done = { projectName: 'Told', tasks: 1, answers: 1, url: 'http://localhost:3000/x' }
  await queue(job, { template: 'project-completed', view: done })
  await waitForReplica()
  const texts = (await listMailsFor(job.db(), { email: 'ada@example.org' })).map(({ textBody }) => textBody)
  for (const said of [/^1 row of .* is in/m, /for 1 day\./, /: 1 task, 1 answer\./])
    assert.match(texts.join('\n'), said)
})

test('a mail that has to wait is sent again under the same Message-ID, then noted as sent once', async (t) => {
  const ids: string[] = []
  const { url, received } = await startSmtp(t, ({ messageId }) => {
    ids.push(messageId)
    if (ids.length < 3) throw new SmtpRefusal(451, 'Try again later')
  })
  const job = await startJobApp(t, { MAIL_URL: url })
  work(job, impatient)
  await queue(job)
  await untilJobsEnd(job)

  assert.equal(received.length, 1)
  assert.equal(ids.length, 3)
  assert.equal(new Set(ids).size, 1)
  assert.match(ids[0] ?? '', /^<mail-\d+-\d+@localhost>$/)
  assert.deepEqual(await mailRow(job), { sent: true, error: null })
})

test('a mail that left before the worker died is not sent again once that is noted', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: url })
  await queue(job)
  await job.sql('update mail set sent = now()')
  work(job)
  await untilJobsEnd(job)
  assert.deepEqual(received, [])
})

test('a mail that is refused for good is not tried again, and says why', async (t) => {
  const { url, received } = await startSmtp(t, () => {
    throw new SmtpRefusal(554, '5.7.1 Looks like spam')
  })
  const job = await startJobApp(t, { MAIL_URL: url })
  work(job, impatient)
  await queue(job)
  await untilJobsEnd(job)

  assert.deepEqual(received, [])
  const row = await mailRow(job)
  assert.equal(row?.['sent'], false)
  assert.match(String(row['error']), /Looks like spam/)
  const [outbox] = await job.sql('select attempts, failed is not null as failed from outbox')
  assert.deepEqual(outbox, { attempts: 1, failed: true })
  assert.deepEqual(await job.sql('select 1 from mail_suppression'), [])
})

test('an address that takes no mail is suppressed: nothing more is sent to it until that is lifted', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: url })
  work(job)
  await queue(job, { to: 'Nobody@example.org' })
  await untilJobsEnd(job)

  const [outbox] = await job.sql('select failed is not null as failed from outbox')
  assert.deepEqual(outbox, { failed: false })
  const suppressed = await getSuppression(job.db(), 'nobody@EXAMPLE.org')
  assert.deepEqual([suppressed?.cause, suppressed?.source], ['bounce', 'smtp'])
  assert.match(suppressed?.detail ?? '', /550.*No such user here/)

  await job.sql(`update mail_suppression set address = 'ada@example.org', detail = 'gone'`)
  await queue(job)
  await untilJobsEnd(job)
  assert.deepEqual(received, [])
  const [ada] = await job.sql(`select error from mail where recipient = 'ada@example.org'`)
  assert.deepEqual(ada, { error: 'Nothing is sent to this address: gone' })

  await liftSuppression(job.db(), 'ADA@example.org')
  await assert.rejects(liftSuppression(job.db(), 'ADA@example.org'), NotFoundError)
  await queue(job)
  await untilJobsEnd(job)
  assert.equal(received.length, 1)
})

test('who reported a notice as spam still gets what follows from what they do', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: url })
  const owner = await newOwner(job)
  await suppress(job.db(), [{ address: owner.email, cause: 'complaint', source: 'webhook', detail: 'spam' }])
  work(job)
  await queueNotices(job, owner)
  await queue(job, { to: owner.email })
  await untilJobsEnd(job)
  assert.deepEqual(
    received.map(({ source }) => /^Subject: .*(export|Done)/m.exec(source)?.[1]),
    ['export'],
  )
})

test('a notice says why it came and ends its kind with one click; other mails do not', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: url, MAIL_BOUNCES_TO: 'bounces@example.org' })
  const owner = await newOwner(job)
  work(job)
  await queueNotices(job, owner)
  await untilJobsEnd(job)
  await queue(job)
  await untilJobsEnd(job)

  const [notice = '', asked = ''] = received.map(({ source }) => source.replace(/=\r\n/g, ''))
  const [, address = ''] = /^List-Unsubscribe: <(.*)>\r$/m.exec(unfolded(notice)) ?? []
  assert.match(address, /^http:\/\/localhost:3000\/account\/mail\/unsubscribe\/\d+\.project\.[\w-]{22}$/)
  assert.match(notice, /^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r$/m)
  assert.match(notice, /^Auto-Submitted: auto-generated\r$/m)
  assert.ok(notice.includes('You get this mail because you own a project on Manyhands.'))
  assert.ok(notice.includes(`Unsubscribe: ${address}`))
  assert.doesNotMatch(asked, /unsubscribe/i)
  assert.deepEqual(new Set(received.map(({ from }) => from)), new Set(['bounces@example.org']))
})

test('a notice is not sent to who does not want it, also when they say so while it waits, and never twice', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: url })
  const owner = await newOwner(job)
  const subscription = { userId: owner.id, kind: 'project' } as const
  await queueNotices(job, owner)
  await choose(job.db(), subscription, false)
  assert.equal(await isSubscribed(job.db(), subscription), false)
  await queueNotices(job, owner)
  assert.equal((await job.sql('select 1 from mail')).length, 1)
  work(job)
  await untilJobsEnd(job)
  assert.deepEqual(received, [])
  assert.deepEqual(await mailRow(job), { sent: false, error: 'Unsubscribed meanwhile' })

  await choose(job.db(), subscription, true)
  await job.sql('delete from mail')
  const queued = [await queueNotices(job, owner, 'once'), await queueNotices(job, owner, 'once')]
  assert.deepEqual(queued, [true, false])
  await untilJobsEnd(job)
  assert.equal(received.length, 1)
})

test('one person gets so many mails and no more, the others wait; a domain that is refused gets none', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, {
    MAIL_URL: url,
    MAIL_LIMIT: '2/3600',
    MAIL_REFUSED_DOMAINS: 'spam.example',
  })
  await job.sql(
    `insert into mail (recipient, subject, text_body, html_body, sent)
     select r, 's', 't', 'h', now() - a from (values ('ADA@example.org', interval '50 min'),
       ('ada@example.org', interval '20 min'), ('ada@example.org', interval '2 h'),
       ('bob@example.org', interval '20 min')) as v (r, a)`,
  )
  await queue(job)
  await queue(job, { to: 'eve@spam.example' })
  await queue(job, { to: 'bob@example.org' })
  work(job)
  const waiting = await eventually(async () => {
    const [row] = await job.sql(
      `select extract(epoch from not_before - now()) as seconds, attempts from outbox
        where done is null and error = 'Its reader has got many mails just now'`,
    )
    return row
  })
  await eventually(() => received.length > 0)
  const refused = await eventually(async () => {
    const [row] = await job.sql(
      `select error from mail where recipient = 'eve@spam.example' and error is not null`,
    )
    return row
  })
  assert.match(String(refused['error']), /addresses of this provider/)
  assert.deepEqual(
    received.map(({ to }) => to),
    ['bob@example.org'],
  )
  // Ten minutes until the first of the two is an hour old, and a minute of the relay's.
  const seconds = Number(waiting['seconds'])
  assert.ok(seconds > 600 && seconds < 665, `${seconds} s`)
  assert.equal(waiting['attempts'], 0)
  await job.sql(`update outbox set created = now() - interval '1 hour' where done is null`)
  assert.equal((await workState(job.app.queue)).mail, true, 'one that is held back is no trouble')
})

test('while the mail server is away a mail waits without losing attempts, for three days at most', async (t) => {
  const job = await startJobApp(t, { MAIL_URL: 'smtp://127.0.0.1:1' })
  work(job, impatient)
  await queue(job)
  const waiting = await eventually(async () => {
    const [row] = await job.sql(
      `select attempts, error, not_before - now() between interval '100 s' and interval '125 s' as later from outbox`,
    )
    return row?.['error'] != null && row
  })
  assert.deepEqual([waiting['attempts'], waiting['later']], [0, true])
  assert.match(String(waiting['error']), /ECONNREFUSED/)
  await job.sql(`update outbox set created = now() - interval '1 hour'`)
  await waitForReplica()
  assert.equal((await workState(job.app.queue)).mail, false)

  await job.sql(`update mail set created = now() - interval '73 hours'`)
  await queue(job)
  await job.sql(`update mail set created = now() - interval '73 hours'`)
  await eventually(async () => {
    const rows = await job.sql('select 1 from outbox where failed is not null')
    return rows.length === 1
  })
})

test('without a mail server mails are kept to be read by their recipients only', async (t) => {
  const job = await startJobApp(t)
  work(job)
  await runInContext({ requestId: 'request-12345678' }, () => queue(job))
  await queue(job, { to: 'bob@example.org' })
  await untilJobsEnd(job)
  await waitForReplica()

  const mails = await listMailsFor(job.db(), { email: 'ada@example.org' })
  assert.deepEqual(
    mails.map(({ recipient, sent }) => [recipient, sent]),
    [['ada@example.org', null]],
  )
  const id = mails[0]?.id ?? 0
  assert.equal((await getMailFor(job.app, job.db(), { email: 'ADA@example.org' }, id)).id, id)
  await assert.rejects(getMailFor(job.app, job.db(), { email: 'bob@example.org' }, id), NotFoundError)
  await assert.rejects(getMailFor(job.app, job.db(), { email: 'bob@example.org' }, 99), NotFoundError)
  const rows = await job.sql('select request_id from mail union all select request_id from outbox')
  assert.equal(rows.filter(({ request_id: requestId }) => requestId === 'request-12345678').length, 2)
})

test('a subject stays one line', async (t) => {
  const { url, received } = await startSmtp(t)
  const job = await startJobApp(t, { MAIL_URL: url })
  work(job)
  await queue(job, { subject: 'Hello\r\nBcc: eve@example.org' })
  await untilJobsEnd(job)
  assert.match(received[0]?.source ?? '', /^Subject: Hello Bcc: eve@example\.org\r$/m)
})
