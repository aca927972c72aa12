import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { tellAdmins } from '../notices/admin-notices.ts'
import { deleteOldFaults, takeUntold } from './fault-repository.ts'

export { createFaultBook } from './fault-book.ts'

/** Whoever has read of an error knows of it for a while; a site that fails everywhere fills nobody's mailbox. */
const PAUSE = { kindHours: 6, minutes: 60 }
/** So many kinds in one mail; the others come with the next one. */
const KINDS_MAX = 20
const KEPT_DAYS = 90

/** Tells admins of the errors that nobody had foreseen, in one mail; of how many kinds. */
export async function tellFaults(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  db: RequestDb,
): Promise<number> {
  return db.write(async (tx) => {
    const faults = await takeUntold(tx, { ...PAUSE, limit: KINDS_MAX })
    const total = faults.reduce((sum, { n }) => sum + n, 0)
    if (total === 0) return 0
    await tellAdmins(app, tx, {
      subject: `${app.config.site.name}: ${total} ${total === 1 ? 'request' : 'requests'} ended in an error`,
      template: 'faults',
      view: { total, faults, hours: PAUSE.kindHours },
    })
    return faults.length
  })
}

/** Forgets what did not come again for long; how many kinds. */
export async function forgetOldFaults(openDb: () => RequestDb): Promise<number> {
  return openDb().call((primary) => deleteOldFaults(primary, KEPT_DAYS), { silent: true })
}
