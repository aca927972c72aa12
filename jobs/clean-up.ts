import { z } from 'zod'
import { removeExpiredAccountExports } from '../src/domain/accounts/export-service.ts'
import { forgetOldCodes } from '../src/domain/accounts/sign-in-code-service.ts'
import { forgetOldRequests } from '../src/domain/assignment/assignment-service.ts'
import { forgetOldVersions, removeExpiredExports } from '../src/domain/exports/export-service.ts'
import { forgetOldFaults } from '../src/domain/faults/fault-service.ts'
import { removeUnneededRows } from '../src/domain/imports/import-service.ts'
import { forgetExpired, forgetOldMails } from '../src/domain/mails/mail-service.ts'
import { foldStatusMinutes } from '../src/domain/status/status-service.ts'
import { removeUnusedUploads } from '../src/domain/uploads/upload-service.ts'
import { forgetOldSessions } from '../src/domain/users/user-service.ts'
import type { Job } from '../src/platform/job.ts'
import { forgetEndedJobs } from '../src/platform/queue.ts'
import { cleanAll } from '../src/platform/removal.ts'
import { removeAbandonedScratch } from '../src/platform/scratch.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'clean-up': z.infer<typeof Payload>
  }
}

/** A file that is still being written after this time belongs to a process that was killed, in milliseconds. */
const ABANDONED_MS = 24 * 3_600_000

/**
 * Each night removes what nobody needs any more. Safe to run twice: what is gone is not found again, and a file goes
 * before the row that names it. What cannot be removed keeps nothing else, and the job is tried again.
 */
export const cleanUp: Job<'clean-up'> = {
  name: 'clean-up',
  payload: Payload,
  attempts: 3,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '17 3 * * *',
  async handle(app, _payload, run) {
    const openDb = () => run.openDb()
    const counts = await cleanAll(run.log, {
      exports: () => removeExpiredExports(app, openDb),
      imports: () => removeUnneededRows(app, openDb),
      accountExports: () => removeExpiredAccountExports(app, openDb),
      requests: () => forgetOldRequests(openDb),
      sessions: () => forgetOldSessions(openDb()),
      signInCodes: () => forgetOldCodes(openDb()),
      expiredMails: () => forgetExpired(openDb()),
      mails: () => forgetOldMails(openDb),
      jobs: () => forgetEndedJobs(openDb),
      faults: () => forgetOldFaults(openDb),
      statusMinutes: () => foldStatusMinutes(openDb),
      resumableUploads: () => app.resumable.removeOld(openDb(), ABANDONED_MS),
      unfinishedFiles: () => app.files.removeUnfinished(ABANDONED_MS),
      scratchFolders: () => removeAbandonedScratch(app.config),
      oldVersions: () => forgetOldVersions(openDb),
      uploads: () => removeUnusedUploads(app, openDb),
    })
    run.log.info(counts, 'cleaned up')
  },
}
