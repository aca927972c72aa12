import { Router } from '@koa/router'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { draftImport, getImport, previewCounts, storeImport } from '../../domain/imports/import-service.ts'
import type { TaskImport } from '../../domain/imports/import-service.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import type { TaskInput } from '../../domain/tasks/task-service.ts'
import { readForm, withUpload } from '../../http/form.ts'
import type { Upload } from '../../http/form.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type {
  ImportColumn,
  ImportInspection,
  ImportSource,
  Importer,
  NewTask,
} from '../../importers/importer.ts'
import { chooseImporter, findImporter } from '../../importers/index.ts'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { Json } from '../../platform/schema.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

const FILE_BYTES_MAX = 50 * 1024 * 1024
/** Enough to tell what kind of file it is. */
const HEAD_BYTES = 4_096
const REDUNDANCY = 3

const BECOMES = [
  'data',
  'n_answers',
  'priority_0',
  'calibration',
  'expected_info',
  'quorum',
  'ignore',
] as const

interface Draft {
  record: TaskImport
  importer: Importer
}

/** Adding tasks from a file or from pasted rows: upload, preview, confirm. */
export function importRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({
    prefix: '/project/:shortName/tasks/import',
  })

  function showForm(ctx: Context, owned: ProjectWithTotals, form: FormView) {
    views.render(ctx, 'pages/imports/new.html', { project: projectCard(owned), form })
  }

  router.get('/', async (ctx) => {
    showForm(ctx, await ownedProjectOf(ctx), { values: {}, errors: {} })
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    let typed: Record<string, string> = {}
    const again = (form: FormView) => {
      showForm(ctx, owned, { ...form, values: typed })
    }
    await orShowAgain(ctx, {}, again, async () => {
      const id = await withUpload(ctx, { field: 'file', bytesMax: FILE_BYTES_MAX }, async (upload) => {
        typed = upload.fields
        const source = await sourceOf(upload)
        return draftImport(app, ctx.state.db, ctx.state.viewer, owned.project, source)
      })
      ctx.redirect(`${projectUrl(owned.project)}tasks/import/${id}`)
    })
  })

  function sourceOfDraft(record: TaskImport): ImportSource {
    return () => app.files.read(record.fileKey) as AsyncIterable<Uint8Array>
  }

  async function draftOf(ctx: Context, owned: ProjectWithTotals): Promise<Draft> {
    const id = pathId(ctx, 'importId')
    const record = await getImport(ctx.state.db, ctx.state.viewer, owned.project, id)
    const importer = findImporter(record.importer)
    if (!importer) throw new NotFoundError('import', id)
    return { record, importer }
  }

  router.get('/:importId', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const draft = await draftOf(ctx, owned)
    const { state, nAdded, nSkipped, nRepeated } = draft.record
    if (state === 'done') {
      const [known, repeated] = [nSkipped ?? 0, nRepeated ?? 0]
      const counts = { added: nAdded, skipped: known + repeated, known, repeated }
      const view = { project: projectCard(owned), ...counts, next: nextStep(owned) }
      views.render(ctx, 'pages/imports/done.html', view)
      return
    }
    await showPreview(ctx, owned, { ...draft, options: {} }, { values: {}, errors: {} })
  })

  /** What the source becomes with the uses that were chosen for its columns. */
  async function showPreview(
    ctx: Context,
    owned: ProjectWithTotals,
    { record, importer, options }: Draft & { options: Json },
    form: FormView,
  ) {
    const source = sourceOfDraft(record)
    const inspection = await importer.inspect(source, options)
    const hasProblems = inspection.problems.length > 0
    const counts = hasProblems
      ? { added: 0, skipped: 0 }
      : await previewCounts(ctx.state.db, owned.project, inputsOf(importer.read(source, options), REDUNDANCY))
    views.render(ctx, 'pages/imports/preview.html', {
      project: projectCard(owned),
      record: { id: record.id, fileName: record.fileName },
      inspection,
      // A fault of the list stands in its table, with row and column.
      form: hasProblems ? { ...form, errors: {} } : form,
      counts,
      choices: BECOMES,
      canMap: importer.name === 'csv' && (!hasProblems || (await canBeMended(importer, source, inspection))),
      redundancy: REDUNDANCY,
    })
  }

  router.post('/:importId', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const { record, importer } = await draftOf(ctx, owned)
    const fields = await readForm(ctx)
    const address = `${projectUrl(owned.project)}tasks/import/${record.id}`
    // Confirmed twice, by a second click or by going back: what was imported is shown.
    if (record.state === 'done') {
      ctx.redirect(address)
      return
    }
    const columns = await importer.columns(sourceOfDraft(record), {})
    const options = importer.name === 'csv' ? { columns: mapping(columns, fields) } : {}
    const again = (form: FormView) => showPreview(ctx, owned, { record, importer, options }, form)
    if (fields['check'] !== undefined) {
      await again({ values: fields, errors: {} })
      return
    }
    await orShowAgain(ctx, fields, again, async () => {
      const tasks = inputsOf(importer.read(sourceOfDraft(record), options), redundancyOf(fields))
      await storeImport(app, ctx.state.db, ctx.state.viewer, owned.project, { record, options, tasks })
      ctx.redirect(address)
    })
  })

  return router
}

/** What comes after adding tasks, of the steps that lead to a published project. */
function nextStep({ project }: ProjectWithTotals): 'question' | 'publishing' | null {
  if (project.presenterVersionId === null) return 'question'
  return project.published ? null : 'publishing'
}

/** Whether the problems are only about what columns become: as data, any text will do. */
async function canBeMended(importer: Importer, source: ImportSource, { columns }: ImportInspection) {
  const allData = columns.map(({ name }) => ({ name, becomes: 'data', key: name }))
  const { problems } = await importer.inspect(source, { columns: allData })
  return columns.length > 0 && problems.length === 0
}

async function sourceOf({
  file,
  fields,
}: Upload): Promise<{ importer: string; fileName: string; content: Readable }> {
  const text = fields['text'] ?? ''
  if (file) {
    const importer = chooseImporter(file.name, await headOf(file.path))
    return { importer: importer.name, fileName: file.name, content: createReadStream(file.path) }
  }
  if (text.trim() === '') {
    throw new InvalidError('Choose a file, or paste rows.', { file: 'Choose a file, or paste rows below.' })
  }
  const bytes = Buffer.from(text)
  const importer = chooseImporter(undefined, bytes.subarray(0, HEAD_BYTES))
  return { importer: importer.name, fileName: 'pasted rows', content: Readable.from([bytes]) }
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(HEAD_BYTES) })
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** What the menus above the columns say; a menu that says what the column's name says anyway changes nothing. */
function mapping(columns: readonly ImportColumn[], fields: Readonly<Record<string, string>>) {
  return columns.map((column, index) => {
    const chosen = fields[`column-${index}`]
    const becomes = BECOMES.find((use) => use === chosen) ?? column.becomes
    return becomes === 'data'
      ? { name: column.name, becomes, key: column.key ?? column.name }
      : { name: column.name, becomes }
  })
}

/** @throws InvalidError unless it is a whole number from 1 to 1000. */
function redundancyOf(fields: Readonly<Record<string, string>>): number {
  const redundancy = Number(fields['redundancy'] ?? REDUNDANCY)
  if (Number.isInteger(redundancy) && redundancy >= 1 && redundancy <= 1_000) return redundancy
  throw new InvalidError('Some fields need another look.', {
    redundancy: 'Between 1 and 1,000 answers can be wanted for each task.',
  })
}

async function* inputsOf(tasks: AsyncIterable<NewTask>, redundancy: number): AsyncGenerator<TaskInput> {
  for await (const { info, nAnswers = redundancy, priority, calibration, expectedInfo, quorum } of tasks) {
    yield {
      info: info as Json,
      nAnswers,
      priority,
      calibration: calibration === undefined ? undefined : Number(calibration),
      expectedInfo: expectedInfo as Json | undefined,
      quorum,
    }
  }
}
