import { createReadStream, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { savePresenter } from '../domain/presenters/presenter-service.ts'
import { parseTemplatePresenter } from '../domain/presenters/templates.ts'
import { draftImport, getImport, storeImport } from '../domain/imports/import-service.ts'
import {
  createProject,
  getProjectById,
  publishProject,
  updateProject,
} from '../domain/projects/project-service.ts'
import { createApiKey, findAccount, registerUser } from '../domain/users/user-service.ts'
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

const EMAIL = 'owner@demo.example'

/**
 * Makes the demo owner and the demo project, on a site that has nobody yet.
 *
 * @returns undefined when the site has been seeded before.
 */
export async function seedDemo(app: App): Promise<DemoOwner | undefined> {
  const openDb = () => app.database.open({ writes: true })
  if (await findAccount(openDb(), EMAIL)) return undefined
  const password = randomToken().slice(0, 14)
  const { user } = await registerUser(openDb(), {
    fullName: 'Demo Owner',
    name: 'demo',
    email: EMAIL,
    password,
  })
  const apiKey = await createApiKey(openDb(), user, 'demo.json')

  const demo = DemoProject.parse(JSON.parse(readFileSync(`${folder}project.json`, 'utf8')))
  const { id } = await createProject(app, openDb(), user, demo)
  const project = await getProjectById(openDb(), id)
  await updateProject(openDb(), user, project, { thumbnailUrl: '/media/demo/thumbnail.jpg' }, 'web')
  const { template, settings, tutorial } = demo.presenter
  await savePresenter(openDb(), user, project, parseTemplatePresenter(template, settings, tutorial))

  const source = () => createReadStream(`${folder}tasks.csv`)
  const content = source()
  const importId = await draftImport(app, openDb(), user, project, {
    importer: 'csv',
    fileName: 'tasks.csv',
    content,
  })
  const record = await getImport(openDb(), user, project, importId)
  const tasks = withRedundancy(csvImporter.read(source, {}), demo.redundancy)
  await storeImport(app, openDb(), user, project, { record, options: {}, tasks })
  await publishProject(openDb(), user, await getProjectById(openDb(), id))
  return { email: EMAIL, password, apiKey }
}

async function* withRedundancy(tasks: AsyncIterable<{ info: Record<string, unknown> }>, nAnswers: number) {
  for await (const { info } of tasks) yield { info: info as Json, nAnswers }
}
