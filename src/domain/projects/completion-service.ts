import type { App } from '../../platform/app.ts'
import type { JobRun } from '../../platform/job.ts'
import { queueMail } from '../mails/mail-service.ts'
import { getUserById } from '../users/user-service.ts'
import { claimCompletion, findProject } from './project-repository.ts'
import { getTotals } from './project-service.ts'

/**
 * Mails the owner when a published project's last task is done, once for the number of tasks it has then, and ends the
 * job in the same transaction.
 */
export async function announceCompletion(
  app: Pick<App, 'queue' | 'config'>,
  run: Pick<JobRun, 'openDb' | 'commit'>,
  projectId: number,
): Promise<void> {
  const project = await run.openDb().readPrimary((primary) => findProject(primary, projectId))
  if (!project?.published) return
  const totals = await getTotals(run.openDb(), projectId)
  if (totals.nTasks === 0 || totals.nCompletedTasks < totals.nTasks) return
  const owner = await getUserById(run.openDb(), project.ownerId)
  await run.commit(async (tx) => {
    if (!(await claimCompletion(tx, projectId, totals.nTasks))) return
    await queueMail(app, tx, {
      to: owner.email,
      subject: `All tasks of ${project.name} are done`,
      template: 'project-completed',
      view: {
        projectName: project.name,
        tasks: totals.nTasks,
        answers: totals.nTaskRuns,
        url: `${app.config.site.url}/project/${encodeURIComponent(project.shortName)}/tasks/export`,
      },
    })
  })
}
