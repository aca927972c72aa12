import { randomUUID } from 'node:crypto'
import type { Test } from 'supertest'
import { savePresenter } from '../../src/domain/presenters/presenter-service.ts'
import { createProject, openSecretKey, publishProject } from '../../src/domain/projects/project-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { addTasks } from '../../src/domain/tasks/task-service.ts'
import type { TaskInput } from '../../src/domain/tasks/task-service.ts'
import type { TestApp, TestUser } from './app.ts'
import { BIRDS } from './presenter-project.ts'
import { waitForReplica } from './servers.ts'

export interface BuiltProject {
  readonly id: number
  readonly shortName: string
  /** What another site signs with. */
  readonly secretKey: string
  /** In the order in which they are handed out. */
  readonly taskIds: readonly number[]
}

export interface ProjectWishes {
  tasks?: number
  redundancy?: number
  allowAnonymousContributors?: boolean
}

/** A project with tasks and a presenter that nobody else may see yet. */
export async function draftProject(
  site: TestApp,
  owner: TestUser,
  wishes: ProjectWishes = {},
): Promise<BuiltProject> {
  const project = await makeProject(site, owner, wishes)
  await waitForReplica()
  return builtProject(site, project)
}

/** The same, open to everybody. */
export async function publishedProject(
  site: TestApp,
  owner: TestUser,
  wishes: ProjectWishes = {},
): Promise<BuiltProject> {
  const project = await makeProject(site, owner, wishes)
  await publishProject(site.app.database.open({ writes: true }), owner, project)
  await waitForReplica()
  return builtProject(site, project)
}

async function makeProject({ app }: TestApp, owner: TestUser, wishes: ProjectWishes): Promise<Project> {
  const db = () => app.database.open({ writes: true })
  const shortName = `built-${randomUUID().slice(0, 8)}`
  const { allowAnonymousContributors } = wishes
  const project = await createProject(app, db(), owner, {
    name: `Built ${shortName}`,
    shortName,
    description: 'Which pictures show a bird?',
    allowAnonymousContributors,
  })
  const version = await savePresenter(db(), owner, project, BIRDS)
  const { tasks = 1, redundancy = 1 } = wishes
  await db().write((tx) => addTasks(tx, project.id, numberedTasks(tasks, redundancy)))
  return { ...project, presenterVersionId: version.id }
}

async function* numberedTasks(count: number, nAnswers: number): AsyncGenerator<TaskInput> {
  for (let n = 1; n <= count; n += 1) yield await Promise.resolve({ info: { n }, nAnswers })
}

async function builtProject(site: TestApp, project: Project): Promise<BuiltProject> {
  const tasks = await rowsOf<{ id: number }>(site, 'select id from task where project_id = $1 order by id', [
    project.id,
  ])
  return {
    id: project.id,
    shortName: project.shortName,
    secretKey: await openSecretKey(site.app, project),
    taskIds: tasks.map(({ id }) => id),
  }
}

/** Rows of a statement on the primary, past all layers. */
export async function rowsOf<Row extends object>(
  { app }: TestApp,
  statement: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const { rows } = await app.database.pools.write.query<Row>(statement, values)
  return rows
}

/** One contributor's requests to one project. */
export interface ApiContributor {
  newTask(args?: Record<string, string | number>): Test
  submit(taskId: number, more?: { info?: unknown; key?: string }): Test
  skip(taskId: number): Test
  progress(): Test
}

/** Somebody whom another site sends, with that site's token. */
export async function externalContributor(
  { http }: TestApp,
  project: BuiltProject,
  uid: string = randomUUID(),
): Promise<ApiContributor> {
  const { text: token } = await http
    .get(`/api/auth/project/${project.shortName}/token`)
    .set('Authorization', project.secretKey)
    .expect(200)
  return contributorBy(http, project, { external_uid: uid }, { Authorization: `Bearer ${token}` })
}

/** Somebody with an account, by API key. */
export function keyContributor({ http }: TestApp, project: BuiltProject, user: TestUser): ApiContributor {
  return contributorBy(http, project, { api_key: user.apiKey }, {})
}

/** Somebody without an account, token or cookie: an address. */
export function addressContributor({ http }: TestApp, project: BuiltProject): ApiContributor {
  return contributorBy(http, project, {}, {})
}

function contributorBy(
  http: TestApp['http'],
  { id }: BuiltProject,
  identity: Record<string, string>,
  headers: Record<string, string>,
): ApiContributor {
  const { external_uid: uid } = identity
  return {
    newTask: (args = {}) =>
      http
        .get(`/api/project/${id}/newtask`)
        .query({ ...identity, ...args })
        .set(headers),
    submit: (taskId, { info = { answer: 'Yes' }, key } = {}) =>
      http
        .post('/api/taskrun')
        .query(identity)
        .set(headers)
        .set(key === undefined ? {} : { 'Idempotency-Key': key })
        .send({ project_id: id, task_id: taskId, info, ...(uid === undefined ? {} : { external_uid: uid }) }),
    skip: (taskId) =>
      http.post(`/api/project/${id}/skip`).query(identity).set(headers).send({ task_id: taskId }),
    progress: () => http.get(`/api/project/${id}/userprogress`).query(identity).set(headers),
  }
}

/** Makes somebody an owner of a project besides the one who created it. */
export async function addOwner(site: TestApp, project: BuiltProject, user: TestUser): Promise<void> {
  await rowsOf(site, 'insert into project_owner (project_id, user_id) values ($1, $2)', [project.id, user.id])
  await waitForReplica()
}
