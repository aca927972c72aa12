import { newTask, submitTaskRun } from '../../src/domain/assignment/assignment-service.ts'
import { getProject } from '../../src/domain/projects/project-service.ts'
import type { TestApp, TestUser } from './app.ts'
import { publishedProject, rowsOf } from './builders.ts'
import type { BuiltProject } from './builders.ts'
import { eventually } from './jobs.ts'
import { waitForReplica } from './servers.ts'
import { download, readZip } from './zip.ts'

/** A project whose tasks are completed by task runs of as many people as they want. */
export async function answeredProject(
  site: TestApp,
  owner: TestUser,
  { tasks, runs }: { tasks: number; runs: number },
): Promise<BuiltProject> {
  const { app } = site
  const built = await publishedProject(site, owner, { tasks, redundancy: runs })
  const db = () => app.database.open({ writes: true })
  const project = await getProject(db(), owner, built.id)
  for (let nth = 0; nth < runs; nth += 1) {
    const who = { kind: 'external', projectId: project.id, externalUid: `person-${nth}` } as const
    for (let given = 0; given < tasks; given += 1) {
      const [task] = await newTask(app, db(), project, who, { limit: 1, offset: 0 })
      if (!task) throw new Error(`There is no task number ${given}`)
      const run = { projectId: project.id, taskId: task.id, info: { kind: 'bird', given } }
      await submitTaskRun(app, db(), who, run, 'conformance')
    }
  }
  await waitForReplica()
  return built
}

/** The content of an export in JSON, which somebody has to make meanwhile: see `work` of jobs.ts. */
export async function exportedJson(
  site: TestApp,
  owner: TestUser,
  project: BuiltProject,
  type: 'task' | 'task_run',
): Promise<string> {
  const address = `/project/${project.shortName}/tasks/export`
  await owner.http.post(address).type('form').send({ type, format: 'json' }).expect(302)
  const statement = "select id from project_export where state = 'done' and what = $1 and project_id = $2"
  const id = await eventually(
    async () => (await rowsOf<{ id: number }>(site, statement, [type, project.id]))[0]?.id,
  )
  await waitForReplica()
  const files = await readZip(await download(owner.http.get(`${address}/${id}`)))
  return [...files.values()][0] ?? ''
}
