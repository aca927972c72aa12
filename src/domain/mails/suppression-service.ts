import { NotFoundError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import {
  deleteSuppression,
  findSuppression,
  insertSuppression,
  listSuppressions,
} from './suppression-repository.ts'
import type { Suppression } from './suppression-repository.ts'

export type { Suppression, SuppressionCause } from './suppression-repository.ts'

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

/** Sends nothing more to these addresses; how many of them were not suppressed before. */
export async function suppress(
  db: RequestDb,
  found: readonly Omit<Suppression, 'created'>[],
): Promise<number> {
  return db.write(async (tx) => {
    let added = 0
    for (const one of found) if (await insertSuppression(tx, one)) added += 1
    return added
  })
}
