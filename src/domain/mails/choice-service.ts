import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { isWanted, listChoices, saveChoice } from './choice-repository.ts'
import { NOTICE_KINDS, isNoticeKind, noticeKindsFor } from './mail-kinds.ts'
import type { NoticeKind } from './mail-kinds.ts'

export interface MailChoice {
  kind: NoticeKind
  isWanted: boolean
}

interface Chooser {
  readonly id: number
  readonly isAdmin: boolean
}

/** Which notices somebody gets, of every kind that there is for them. */
export async function getChoices(db: RequestDb, chooser: Chooser): Promise<MailChoice[]> {
  const chosen = await db.read((reader) => listChoices(reader, chooser.id))
  return noticeKindsFor(chooser).map((kind) => ({
    kind,
    isWanted: chosen.get(kind) ?? NOTICE_KINDS[kind].isDefault,
  }))
}

/** Sets which notices somebody gets: those of these kinds and no other. */
export async function saveChoices(
  db: RequestDb,
  chooser: Chooser,
  wanted: ReadonlySet<string>,
): Promise<void> {
  await db.write(async (tx) => {
    for (const kind of noticeKindsFor(chooser)) await saveChoice(tx, chooser.id, kind, wanted.has(kind))
  })
}

/** Chooses one kind of notice, or not. */
export async function choose(db: RequestDb, { userId, kind }: Subscription, wanted: boolean): Promise<void> {
  await db.write((tx) => saveChoice(tx, userId, kind, wanted))
}

const PURPOSE = 'unsubscribe'

/** One person's notices of one kind. */
export interface Subscription {
  readonly userId: number
  readonly kind: NoticeKind
}

/** Where a mail program, or somebody who is not signed in, ends one kind of notice: nobody else can make this address. */
export function unsubscribeUrl(
  app: Pick<App, 'config' | 'sealer'>,
  userId: number,
  kind: NoticeKind,
): string {
  return `${app.config.site.url}/account/mail/unsubscribe/${app.sealer.sign(PURPOSE, `${userId}.${kind}`)}`
}

/** @throws NotFoundError for a token that is not one of ours. */
export function openUnsubscribeToken(app: Pick<App, 'sealer'>, token: string): Subscription {
  const [userId, kind = ''] = app.sealer.verify(PURPOSE, token)?.split('.') ?? []
  if (userId === undefined || !isNoticeKind(kind)) throw new NotFoundError('subscription', token.slice(0, 40))
  return { userId: Number(userId), kind }
}

/** Whether somebody still gets these. */
export async function isSubscribed(db: RequestDb, { userId, kind }: Subscription): Promise<boolean> {
  return db.readPrimary((primary) => isWanted(primary, userId, kind))
}
