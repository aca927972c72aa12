import { NotFoundError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { markReturned } from './mail-repository.ts'
import { mailIdOf } from './message-id.ts'
import {
  deleteBounce,
  deleteSuppression,
  findSuppression,
  insertSuppression,
  listSuppressions,
} from './suppression-repository.ts'
import type { Suppression } from './suppression-repository.ts'

export type { Suppression } from './suppression-repository.ts'

const LISTED_MAX = 200

/** Why nothing is sent to an address; undefined when mails go there. */
export async function getSuppression(db: RequestDb, address: string): Promise<Suppression | undefined> {
  return db.readPrimary((primary) => findSuppression(primary, address))
}

/** The latest addresses that nothing is sent to, for admins: who checks that, calls this. */
export async function listSuppressed(db: RequestDb): Promise<Suppression[]> {
  return db.read((reader) => listSuppressions(reader, LISTED_MAX))
}

/** Sends mails to an address again. @throws NotFoundError when they were not held back. */
export async function liftSuppression(db: RequestDb, address: string): Promise<void> {
  const isLifted = await db.write((tx) => deleteSuppression(tx, address))
  if (!isLifted) throw new NotFoundError('suppressed address', address.slice(0, 254))
}

/** Tries an address again that mails came back from, for somebody who has proved that it is theirs to sign in with. */
export async function liftBounce(tx: Tx, address: string): Promise<void> {
  await deleteBounce(tx, address)
}

/** A mail that came back, or that its reader called spam. */
export type Failure = Omit<Suppression, 'created'> & {
  /** The mail's own id, when who tells of it says so. */
  readonly messageId?: string | undefined
}

/** Sends nothing more to these addresses, and says so beside the mails; how many were not suppressed before. */
export async function suppress(db: RequestDb, failures: readonly Failure[]): Promise<number> {
  return db.write((tx) => noteFailures(tx, failures))
}

async function noteFailures(tx: Tx, failures: readonly Failure[]): Promise<number> {
  let added = 0
  for (const { messageId = '', ...failure } of failures) {
    if (await insertSuppression(tx, failure)) added += 1
    const mailId = mailIdOf(messageId)
    if (mailId !== undefined && failure.cause === 'bounce')
      await markReturned(tx, mailId, failure.address, failure.detail)
  }
  return added
}
