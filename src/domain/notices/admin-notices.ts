import type { App } from '../../platform/app.ts'
import type { Tx } from '../../platform/postgres.ts'
import { queueNotice } from '../mails/mail-service.ts'
import type { NoticeInput } from '../mails/mail-service.ts'
import { getAdmins } from '../users/user-service.ts'

/** Writes a notice to every admin who wants to hear of such things, in the transaction that it follows from. */
export async function tellAdmins(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  tx: Tx,
  notice: Pick<NoticeInput, 'subject' | 'template' | 'view'>,
): Promise<void> {
  for (const to of await getAdmins(tx)) await queueNotice(app, tx, { ...notice, to, kind: 'site' })
}
