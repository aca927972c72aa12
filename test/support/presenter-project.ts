import { randomUUID } from 'node:crypto'
import { savePresenter } from '../../src/domain/presenters/presenter-service.ts'
import type { Presenter, PresenterVersion } from '../../src/domain/presenters/presenter-service.ts'
import { createProject, publishProject } from '../../src/domain/projects/project-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { createTask } from '../../src/domain/tasks/task-service.ts'
import type { Json } from '../../src/platform/schema.ts'
import type { TestApp, TestUser } from './app.ts'
import { waitForReplica } from './servers.ts'

/** A ready template as its owner might set it. */
export const BIRDS: Presenter = {
  kind: 'template',
  template: 'image-classification',
  settings: { question: 'Is there a bird?', choices: ['Yes', 'No', 'Maybe'], pictureColumn: 'picture' },
  tutorial: null,
}

export interface PresenterProject {
  project: Project
  version: PresenterVersion
  owner: TestUser
  taskIds: number[]
  /** The info of every task run, oldest first. */
  stored(): Promise<Json[]>
}

/** A published project with its presenter and one task for each info, each wanting one answer. */
export async function buildPresenterProject(
  { app, http, user }: TestApp,
  presenter: Presenter,
  infos: Json[],
): Promise<PresenterProject> {
  const owner = await user()
  const db = () => app.database.open({ writes: true })
  const shortName = `birds-${randomUUID().slice(0, 8)}`
  const input = { name: `Birds ${shortName}`, shortName, description: 'Which pictures show a bird?' }
  const project = await createProject(app, db(), owner, input)
  const version = await savePresenter(db(), owner, project, presenter)
  const taskIds: number[] = []
  for (const info of infos) taskIds.push((await createTask(db(), owner, project, { info, nAnswers: 1 })).id)
  await publishProject(db(), owner, { ...project, presenterVersionId: version.id })
  await waitForReplica()
  return {
    project,
    version,
    owner,
    taskIds,
    async stored() {
      await waitForReplica()
      const list = await http.get('/api/taskrun').query({ project_id: project.id, limit: 100 }).expect(200)
      return (list.body as { info: Json }[]).map(({ info }) => info)
    },
  }
}
