import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { queueMail } from '../mails/mail-service.ts'
import { getUserById } from '../users/user-service.ts'
import { claimCompletion, findProject } from './project-repository.ts'
import { getTotals } from './project-service.ts'

/** Mails the owner when a project's last task is done, once for the number of tasks it has then. */
export async function announceCompletion(
  app: Pick<App, 'queue' | 'config'>,
  openDb: () => RequestDb,
  projectId: number,
): Promise<void> {
  const project = await openDb().readPrimary((primary) => findProject(primary, projectId))
  if (!project?.published) return
  const totals = await getTotals(openDb(), projectId)
  if (totals.nTasks === 0 || totals.nCompletedTasks < totals.nTasks) return
  const owner = await getUserById(openDb(), project.ownerId)
  await openDb().write(async (tx) => {
    if (!(await claimCompletion(tx, projectId, totals.nTasks))) return
    await queueMail(app, tx, {
      to: owner.email,
      subject: `All tasks of ${project.name} are done`,
      template: 'project-completed',
      view: {
        project,
        tasks: totals.nTasks,
        answers: totals.nTaskRuns,
        url: `${app.config.site.url}/project/${encodeURIComponent(project.shortName)}/tasks/export`,
      },
    })
  })
}
