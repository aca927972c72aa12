import { createReadStream, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { savePresenter } from '../domain/presenters/presenter-service.ts'
import { parseTemplatePresenter } from '../domain/presenters/templates.ts'
import { draftImport, getImport, storeImport } from '../domain/imports/import-service.ts'
import {
  createProject,
  deleteProject,
  getProjectById,
  listOwnedProjects,
  publishProject,
  updateProject,
} from '../domain/projects/project-service.ts'
import { createApiKey, findAccount, registerUser, signIn } from '../domain/users/user-service.ts'
import type { User } from '../domain/users/user-service.ts'
import { csvImporter } from '../importers/csv-importer.ts'
import type { App } from '../platform/app.ts'
import type { Json } from '../platform/schema.ts'
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
  const openDb = () => app.database.open({ writes: true })
  const hasAccount = await findAccount(openDb(), EMAIL)
  if (hasAccount && !begun) return undefined
  const way = begun ?? { email: EMAIL, password: randomToken().slice(0, 14) }
  onBegin(way)
  const { user } = hasAccount
    ? await signIn(openDb(), way)
    : await registerUser(openDb(), { fullName: 'Demo Owner', name: 'demo', ...way })
  await seedProject(app, user)
  return { ...way, apiKey: await createApiKey(openDb(), user, 'demo.json') }
}

async function seedProject(app: App, user: User): Promise<void> {
  const openDb = () => app.database.open({ writes: true })
  const [existing] = await listOwnedProjects(openDb(), user)
  if (existing?.project.published) return
  if (existing) await deleteProject(openDb(), user, existing.project)

  const demo = DemoProject.parse(JSON.parse(readFileSync(`${folder}project.json`, 'utf8')))
  const { id } = await createProject(app, openDb(), user, demo)
  const project = await getProjectById(openDb(), id)
  await updateProject(openDb(), user, project, { thumbnailUrl: '/media/demo/thumbnail.jpg' }, 'web')
  const { template, settings, tutorial } = demo.presenter
  await savePresenter(openDb(), user, project, parseTemplatePresenter(template, settings, tutorial))

  const source = () => createReadStream(`${folder}tasks.csv`)
  const importId = await draftImport(app, openDb(), user, project, {
    importer: 'csv',
    fileName: 'tasks.csv',
    content: source(),
  })
  const record = await getImport(openDb(), user, project, importId)
  const tasks = withRedundancy(csvImporter.read(source, {}), demo.redundancy)
  await storeImport(app, openDb(), user, project, { record, options: {}, tasks })
  await publishProject(openDb(), user, await getProjectById(openDb(), id))
}

async function* withRedundancy(tasks: AsyncIterable<{ info: Record<string, unknown> }>, nAnswers: number) {
  for await (const { info } of tasks) yield { info: info as Json, nAnswers }
}
