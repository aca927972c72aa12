import { messageOf } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { JobRun } from '../../platform/job.ts'
import { readUnseen } from '../../platform/mailbox.ts'
import { isDeadStatus } from './dead-address.ts'
import { readDeliveryReport } from './delivery-report.ts'
import type { DeliveryReport } from './delivery-report.ts'
import { mailIdOf, messageIdOf } from './message-id.ts'
import { findMail } from './mail-repository.ts'
import { suppress } from './suppression-service.ts'

/**
 * Suppresses the addresses of mails that came back to the mailbox. Anybody can send a report there: only one that names a
 * mail of ours by the Message-ID which it left with, to that address, counts. While the mailbox is away its messages wait.
 */
export async function readBounces(
  app: Pick<App, 'config'>,
  { openDb, log, signal }: Pick<JobRun, 'openDb' | 'log' | 'signal'>,
): Promise<void> {
  const { bouncesUrl } = app.config.mail
  if (bouncesUrl === undefined) return
  try {
    const read = await readUnseen(bouncesUrl, (source) => takeReport(app, openDb, source), signal)
    log.info({ read }, 'mailbox of bounces read')
  } catch (error) {
    signal.throwIfAborted()
    log.warn({ err: error, reason: messageOf(error) }, 'mailbox of bounces not read: it is tried again')
  }
}

async function takeReport(app: Pick<App, 'config'>, openDb: () => RequestDb, source: string): Promise<void> {
  for (const report of readDeliveryReport(source)) {
    if (!isDeadStatus(report.status) || !(await isOfOurs(app, openDb(), report))) continue
    const { address, detail, messageId } = report
    await suppress(openDb(), [{ address, cause: 'bounce', source: 'mailbox', detail, messageId }])
  }
}

async function isOfOurs(
  app: Pick<App, 'config'>,
  db: RequestDb,
  { address, messageId }: DeliveryReport,
): Promise<boolean> {
  const mailId = mailIdOf(messageId)
  const mail = mailId === undefined ? undefined : await db.readPrimary((primary) => findMail(primary, mailId))
  const isSame = mail?.recipient.toLowerCase() === address.toLowerCase()
  return mail !== undefined && isSame && messageIdOf(app, mail) === messageId
}
