import { Router } from '@koa/router'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import type { ApiDocument } from '../api/openapi.ts'
import { accountDataRoutes } from './account-data.ts'
import { accountRoutes } from './account.ts'
import { addressRoutes } from './address.ts'
import { adminCategoryRoutes } from './admin-categories.ts'
import { adminFeaturedRoutes } from './admin-featured.ts'
import { adminIncidentRoutes } from './admin-incidents.ts'
import { adminJobRoutes } from './admin-jobs.ts'
import { adminMailRoutes } from './admin-mail.ts'
import { apiHelpRoutes } from './api-help.ts'
import { contributeRoutes } from './contribute.ts'
import { exportBucketRoutes } from './export-bucket.ts'
import { exportRoutes } from './exports.ts'
import { fieldGuideRoutes } from './field-guide.ts'
import { galleryRoutes } from './gallery.ts'
import { helpingMaterialRoutes } from './helping-materials.ts'
import { autoImportRoutes } from './auto-imports.ts'
import { importRoutes } from './imports.ts'
import { jobBoardRoutes } from './job-board.ts'
import { keyRoutes } from './keys.ts'
import { mailEventRoutes } from './mail-events.ts'
import { mailRoutes } from './mail.ts'
import { newsletterRoutes } from './newsletters.ts'
import { ownerHtmlRoutes } from './owner-html.ts'
import { pictureRoutes } from './pictures.ts'
import { presenterCodeRoutes } from './presenter-code.ts'
import { presenterPermissionRoutes } from './presenter-permissions.ts'
import { presenterVersionRoutes } from './presenter-versions.ts'
import { presenterRoutes } from './presenter.ts'
import { projectRoutes } from './projects.ts'
import { createReadyPages } from './ready-pages.ts'
import { recoveryRoutes } from './recovery.ts'
import { ruleRoutes } from './rules.ts'
import { signInCodeRoutes } from './sign-in-code.ts'
import { siteRoutes } from './site.ts'
import { statisticsRoutes } from './statistics.ts'
import { statusRoutes } from './status.ts'
import { taskRoutes } from './tasks.ts'
import { unsubscribeRoutes } from './unsubscribe.ts'
import { webhookRoutes } from './webhooks.ts'

/** Every page of the site. */
export function pageRoutes(app: App, views: Views, document: ApiDocument): Router<RequestState> {
  const router = new Router<RequestState>()
  const readyPages = createReadyPages(app, views)
  for (const routes of [
    siteRoutes(views, readyPages),
    apiHelpRoutes(app, views, document),
    accountRoutes(app, views),
    recoveryRoutes(app, views),
    signInCodeRoutes(app, views),
    addressRoutes(app, views),
    keyRoutes(app, views),
    mailEventRoutes(app),
    unsubscribeRoutes(app, views),
    mailRoutes(app, views),
    // Behind the others of /account: a name stands where they have a word.
    accountDataRoutes(app, views),
    adminCategoryRoutes(app, views),
    adminFeaturedRoutes(app, views),
    adminIncidentRoutes(app, views),
    adminJobRoutes(app, views),
    adminMailRoutes(app, views),
    jobBoardRoutes(app),
    galleryRoutes(views, readyPages),
    projectRoutes(app, views, readyPages),
    statisticsRoutes(app, views, readyPages),
    statusRoutes(app, views),
    newsletterRoutes(app, views),
    pictureRoutes(app, views),
    importRoutes(app, views),
    autoImportRoutes(app, views),
    presenterRoutes(app, views),
    presenterCodeRoutes(app, views),
    presenterVersionRoutes(app, views),
    presenterPermissionRoutes(app, views),
    fieldGuideRoutes(app, views),
    helpingMaterialRoutes(app, views),
    exportBucketRoutes(app, views),
    exportRoutes(app, views),
    ruleRoutes(app, views),
    webhookRoutes(app, views),
    contributeRoutes(app, views),
    ownerHtmlRoutes(app, views),
    // Last: a task's number stands where the other pages have a name.
    taskRoutes(app, views),
  ]) {
    router.use(routes.routes())
  }
  return router
}
