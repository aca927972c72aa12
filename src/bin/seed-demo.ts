import { createReadStream, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { savePresenter } from '../domain/presenters/presenter-service.ts'
import { parseTemplatePresenter } from '../domain/presenters/templates.ts'
import {
  createProject,
  deleteProject,
  listOwnedProjects,
  publishProject,
  updateProject,
} from '../domain/projects/project-service.ts'
import { addTasks } from '../domain/tasks/task-service.ts'
import { createApiKey, findByEmail, registerUser, signIn } from '../domain/users/user-service.ts'
import type { User } from '../domain/users/user-service.ts'
import { csvImporter } from '../importers/csv-importer.ts'
import { taskInputs } from '../importers/task-inputs.ts'
import type { App } from '../platform/app.ts'
import type { RequestDb } from '../platform/database.ts'
import { randomToken } from '../platform/sealing.ts'

const folder = fileURLToPath(new URL('../demo/', import.meta.url))

const DemoProject = z.object({
  name: z.string(),
  shortName: z.string(),
  description: z.string(),
  longDescription: z.string(),
  redundancy: z.int(),
  presenter: z.object({ template: z.string(), settings: z.unknown(), tutorial: z.string() }),
})

/** How to get in as the owner of the demo project. */
export interface DemoOwner {
  email: string
  password: string
  apiKey: string
}

/** What is known of the owner once seeding has begun. */
export type BegunDemo = Omit<DemoOwner, 'apiKey'>

const EMAIL = 'owner@demo.example'

/**
 * Makes the demo owner and the demo project, on a site that has nobody yet.
 *
 * @param begun from an earlier call that did not end; what it left undone is done now.
 * @param onBegin told before anything is made, to be kept for the next call.
 * @returns undefined when the site has accounts of its own.
 */
export async function seedDemo(
  app: App,
  begun: BegunDemo | undefined,
  onBegin: (begun: BegunDemo) => void,
): Promise<DemoOwner | undefined> {
  const step = oneAfterTheOther(app)
  const hasAccount = (await step((db) => findByEmail(db, EMAIL))) !== undefined
  if (hasAccount && !begun) return undefined
  const way = begun ?? { email: EMAIL, password: randomToken().slice(0, 14) }
  onBegin(way)
  const { user } = await step((db) =>
    hasAccount ? signIn(db, way) : registerUser(db, { fullName: 'Demo Owner', name: 'demo', ...way }),
  )
  await seedProject(app, step, user)
  return { ...way, apiKey: await step((db) => createApiKey(db, user, 'demo.json')) }
}

type Step = <T>(work: (db: RequestDb) => Promise<T>) => Promise<T>

/** Each step sees what the steps before it wrote, also where reads come from a replica. */
function oneAfterTheOther(app: App): Step {
  let position: string | undefined
  return async (work) => {
    const db = app.database.open({ writes: true, position })
    const done = await work(db)
    position = (await db.position()) ?? position
    return done
  }
}

async function seedProject(app: App, step: Step, user: User): Promise<void> {
  const [existing] = await step((db) => listOwnedProjects(db, user))
  if (existing?.project.published) return
  if (existing) await step((db) => deleteProject(db, user, existing.project))

  const demo = DemoProject.parse(JSON.parse(readFileSync(`${folder}project.json`, 'utf8')))
  const project = await step((db) => createProject(app, db, user, demo))
  await step((db) => updateProject(db, user, project, { thumbnailUrl: '/media/demo/thumbnail.jpg' }, 'web'))
  const { template, settings, tutorial } = demo.presenter
  const presenter = parseTemplatePresenter(template, settings, tutorial)
  const { id: presenterVersionId } = await step((db) => savePresenter(db, user, project, presenter))

  const source = { config: app.config, open: () => createReadStream(`${folder}tasks.csv`) }
  // Read anew when the transaction is begun again.
  const tasks = () => taskInputs(csvImporter.read(source, {}), demo)
  await step((db) => db.write((tx) => addTasks(tx, project.id, tasks())))
  await step((db) => publishProject(db, user, { ...project, presenterVersionId }))
}
