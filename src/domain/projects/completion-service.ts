import type { App } from '../../platform/app.ts'
import type { JobRun } from '../../platform/job.ts'
import type { Tx } from '../../platform/postgres.ts'
import { queueNotice } from '../mails/mail-service.ts'
import { getUserById } from '../users/user-service.ts'
import type { User } from '../users/user-service.ts'
import { tellWebhook } from '../webhooks/webhook-service.ts'
import { claimCompletion, findProject } from './project-repository.ts'
import type { Project, ProjectTotals } from './project-service.ts'
import { getTotals } from './project-service.ts'

/**
 * A task has all its task runs: the project's webhook is told, and when it was the last one of a published project its
 * owner gets a mail, once for the number of tasks it has then. All of it in the transaction that ends the job.
 */
export async function noteCompletion(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  run: Pick<JobRun, 'openDb' | 'commit'>,
  { projectId, taskId }: { projectId: number; taskId: number },
): Promise<void> {
  const project = await run.openDb().readPrimary((primary) => findProject(primary, projectId))
  if (!project) return
  const totals = await getTotals(run.openDb(), projectId)
  const isAllDone = project.published && totals.nTasks > 0 && totals.nCompletedTasks >= totals.nTasks
  const owner = isAllDone ? await getUserById(run.openDb(), project.ownerId) : undefined
  await run.commit(async (tx) => {
    await tellWebhook(app, tx, project, taskId)
    if (owner) await announce(app, tx, project, totals, owner)
  })
}

async function announce(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  tx: Tx,
  project: Project,
  totals: ProjectTotals,
  owner: User,
): Promise<void> {
  if (!(await claimCompletion(tx, project.id, totals.nTasks))) return
  await queueNotice(app, tx, {
    to: owner,
    kind: 'project',
    subject: `All tasks of ${project.name} are done`,
    template: 'project-completed',
    view: {
      projectName: project.name,
      tasks: totals.nTasks,
      answers: totals.nTaskRuns,
      url: `${app.config.site.url}/project/${encodeURIComponent(project.shortName)}/tasks/export`,
    },
  })
}
