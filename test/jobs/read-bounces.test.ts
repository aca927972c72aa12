import assert from 'node:assert/strict'
import test from 'node:test'
import { readBouncesJob } from '../../jobs/read-bounces.ts'
import { queueMail } from '../../src/domain/mails/mail-service.ts'
import { readDeliveryReport } from '../../src/domain/mails/delivery-report.ts'
import { startImap } from '../support/imap.ts'
import { startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { startSmtp } from '../support/smtp.ts'

/** A report as Postfix writes it. */
function report(messageId: string, groups: readonly (readonly string[])[]): string {
  return [
    'Return-Path: <>',
    'From: MAILER-DAEMON@mx.example.org (Mail Delivery System)',
    'To: bounces@example.org',
    'Message-Id: <20261121190000.1@mx.example.org>',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="B"',
    '',
    '--B',
    'Content-Type: text/plain',
    '',
    'I am sorry to have to inform you that your message could not be delivered.',
    '',
    '--B',
    'Content-Description: Delivery report',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.example.org',
    'Arrival-Date: Sat, 21 Nov 2026 19:00:00 +0000 (UTC)',
    '',
    ...groups.flatMap((group) => [...group, '']),
    '--B',
    'Content-Type: text/rfc822-headers',
    '',
    'Subject: Hello',
    `Message-ID: ${messageId}`,
    '',
    '--B--',
    '',
  ].join('\r\n')
}

const failed = (address: string, status = '5.1.1', action = 'failed') => [
  `Final-Recipient: rfc822; ${address}`,
  `Action: ${action}`,
  `Status: ${status}`,
  'Diagnostic-Code: smtp; 550 5.1.1 <x>: Recipient address',
  '    rejected: User unknown',
]

const OURS = '<mail-1-2026@localhost>'

test('a report says whose mail failed, how and which one it was; other mails say nothing', () => {
  assert.deepEqual(
    readDeliveryReport(report(OURS, [failed('ada@example.org'), failed('b@c', '4.4.1', 'delayed')])),
    [
      {
        address: 'ada@example.org',
        status: '5.1.1',
        detail: '550 5.1.1 <x>: Recipient address rejected: User unknown',
        messageId: OURS,
      },
    ],
  )
  const bare = ['Original-Recipient: rfc822;eve@example.org', 'Action: failed', 'Status: 5.2.2']
  assert.deepEqual(
    readDeliveryReport(report(OURS, [bare])).map(({ address, detail }) => [address, detail]),
    [['eve@example.org', '5.2.2']],
  )
  for (const other of [
    '',
    'Subject: Out of office\r\nMessage-ID: <a@b>\r\n\r\nI am away.',
    report('', [failed('a@b')]),
  ])
    assert.deepEqual(
      readDeliveryReport(other).filter(({ messageId }) => messageId === OURS),
      [],
    )
})

const run = (job: JobApp) => ({
  openDb: () => job.db(),
  commit: () => Promise.reject(new Error('It notes nothing at its end')),
  log: job.app.log,
  mustHold: () => Promise.resolve(),
  signal: new AbortController().signal,
})

const suppressed = async (job: JobApp) =>
  (await job.sql('select address from mail_suppression order by address')).map(({ address }) => address)

test('addresses of mails that came back to the mailbox are suppressed, of ours only, each message once', async (t) => {
  const [smtp, mailbox] = [await startSmtp(t), await startImap(t)]
  const job = await startJobApp(t, { MAIL_URL: smtp.url, MAIL_BOUNCES_URL: mailbox.url })
  work(job)
  const view = { projectName: 'P', reason: 'r', url: 'http://localhost:3000/' }
  for (const to of ['Dead@example.org', 'full@example.org', 'fine@example.org'])
    await job
      .db()
      .write((tx) => queueMail(job.app, tx, { to, subject: 's', template: 'export-failed', view }))
  await untilJobsEnd(job)
  const idOf = (to: string) => smtp.received.find((mail) => mail.to === to)?.messageId ?? ''
  const put = (source: string) => mailbox.messages.push({ source, isSeen: false })
  put(report(idOf('Dead@example.org'), [failed('dead@example.org')]))
  put(report(idOf('full@example.org'), [failed('full@example.org', '5.2.2')]))
  // Made up: of a mail that never was, with another time, to somebody else.
  put(report('<mail-99-2026@localhost>', [failed('fine@example.org')]))
  put(report(idOf('fine@example.org').replace(/-\d+@/, '-2026@'), [failed('fine@example.org')]))
  put(report(idOf('Dead@example.org'), [failed('fine@example.org')]))
  put('Subject: Out of office\r\n\r\nI am away.')

  await readBouncesJob.handle(job.app, {}, run(job))
  assert.deepEqual(await suppressed(job), ['dead@example.org'])
  assert.ok(mailbox.messages.every(({ isSeen }) => isSeen))
  const [mail] = await job.sql(`select error from mail where recipient = 'Dead@example.org'`)
  assert.match(String(mail?.['error']), /User unknown/)
  const [how] = await job.sql('select cause, source from mail_suppression')
  assert.deepEqual(how, { cause: 'bounce', source: 'mailbox' })

  await job.sql('delete from mail_suppression')
  await readBouncesJob.handle(job.app, {}, run(job))
  assert.deepEqual(await suppressed(job), [])
})

test('a mailbox that is away, or takes another password, keeps its messages; without one nothing is read', async (t) => {
  const mailbox = await startImap(t)
  mailbox.messages.push({ source: 'Subject: x\r\n\r\n', isSeen: false })
  const addresses = ['imap://a:b@127.0.0.1:1/', mailbox.url.replace('secret', 'wrong')]
  for (const MAIL_BOUNCES_URL of addresses) {
    const job = await startJobApp(t, { MAIL_BOUNCES_URL })
    await readBouncesJob.handle(job.app, {}, run(job))
  }
  const job = await startJobApp(t)
  await readBouncesJob.handle(job.app, {}, run(job))
  assert.deepEqual(
    mailbox.messages.map(({ isSeen }) => isSeen),
    [false],
  )
})
