import type { JobCatalogue } from '../src/platform/job.ts'
import { announceBlogpost } from './announce-blogpost.ts'
import { autoImport } from './auto-import.ts'
import { changeRules } from './change-rules.ts'
import { cleanUp } from './clean-up.ts'
import { deleteAccountJob } from './delete-account.ts'
import { deliverExportJob } from './deliver-export.ts'
import { deliverWebhookJob } from './deliver-webhook.ts'
import { exportAccount } from './export-account.ts'
import { drawPictureJob } from './draw-picture.ts'
import { drawTaskPicturesJob } from './draw-task-pictures.ts'
import { exportProject } from './export-project.ts'
import { importTasks } from './import-tasks.ts'
import { inviteBackJob } from './invite-back.ts'
import { leaderboard } from './leaderboard.ts'
import { noteTaskCompleted } from './note-task-completed.ts'
import { projectStatistics } from './project-statistics.ts'
import { rebuildExports } from './rebuild-exports.ts'
import { readBouncesJob } from './read-bounces.ts'
import { reorderTasks } from './reorder-tasks.ts'
import { reportWeekJob } from './report-week.ts'
import { retryFailuresJob } from './retry-failures.ts'
import { runSubscriptions } from './run-subscriptions.ts'
import { sendBulkMail } from './send-bulk-mail.ts'
import { sendMail } from './send-mail.ts'
import { sendNewsletterJob } from './send-newsletter.ts'
import { siteStatistics } from './site-statistics.ts'
import { tellFailuresJob } from './tell-failures.ts'
import { tellFaultsJob } from './tell-faults.ts'
import { tellQuietProjectsJob } from './tell-quiet-projects.ts'
import { warnInactiveAccounts } from './warn-inactive-accounts.ts'

/** Every background job. One that is missing here does not compile. */
export const jobs = {
  'announce-blogpost': announceBlogpost,
  'auto-import': autoImport,
  'change-rules': changeRules,
  'clean-up': cleanUp,
  'delete-account': deleteAccountJob,
  'deliver-export': deliverExportJob,
  'deliver-webhook': deliverWebhookJob,
  'export-account': exportAccount,
  'draw-picture': drawPictureJob,
  'draw-task-pictures': drawTaskPicturesJob,
  'export-project': exportProject,
  'import-tasks': importTasks,
  'invite-back': inviteBackJob,
  leaderboard,
  'note-task-completed': noteTaskCompleted,
  'project-statistics': projectStatistics,
  'rebuild-exports': rebuildExports,
  'read-bounces': readBouncesJob,
  'reorder-tasks': reorderTasks,
  'report-week': reportWeekJob,
  'retry-failures': retryFailuresJob,
  'run-subscriptions': runSubscriptions,
  'send-bulk-mail': sendBulkMail,
  'send-mail': sendMail,
  'send-newsletter': sendNewsletterJob,
  'site-statistics': siteStatistics,
  'tell-failures': tellFailuresJob,
  'tell-faults': tellFaultsJob,
  'tell-quiet-projects': tellQuietProjectsJob,
  'warn-inactive-accounts': warnInactiveAccounts,
} satisfies JobCatalogue
