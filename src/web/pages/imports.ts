import { Router } from '@koa/router'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import {
  confirmImport,
  discardImport,
  draftImport,
  fetchImport,
  getImport,
  listProjectImports,
  openReport,
  previewCounts,
} from '../../domain/imports/import-service.ts'
import type { SentFile, TaskImport } from '../../domain/imports/import-service.ts'
import { foreseenAddress } from '../../domain/pictures/task-pictures.ts'
import type { SentPicture } from '../../domain/pictures/task-pictures.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm, withUpload } from '../../http/form.ts'
import type { Upload } from '../../http/form.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { ImportError } from '../../importers/importer.ts'
import type { ImportColumn, ImportInspection, ImportSource, Importer } from '../../importers/importer.ts'
import { chooseImporter, findImporter } from '../../importers/index.ts'
import { ImportChoices, taskInputs } from '../../importers/task-inputs.ts'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { Json } from '../../platform/schema.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { REMOTE_KINDS, fetchedFrom, isPybossaForm, kindOfPybossaForm, shownAgain } from './import-sources.ts'
import { hasColumns, importView, isRetriable } from './import-view.ts'
import { createPreviewTurns } from './preview-turns.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

/** Up to here a list is looked at as a whole for its preview; of a longer one the first rows. */
const WHOLE_BYTES_MAX = 4 * 1024 * 1024
/** A workbook is packed. */
const WHOLE_PACKED_MAX = WHOLE_BYTES_MAX / 16
const PREVIEW_ROWS = 1_000
/** Each is unpacked and opened. */
const PREVIEW_PICTURES = 10
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

/** Adding tasks: upload, preview, confirm, watch. */
export function importRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({
    prefix: '/project/:shortName/tasks/import',
  })
  const inTurn = createPreviewTurns()

  async function showForm(ctx: Context, owned: ProjectWithTotals, form: FormView) {
    const imports = await listProjectImports(ctx.state.db, ctx.state.viewer, owned.project)
    const url = `${projectUrl(owned.project)}tasks/import`
    const listed = imports.map((record) => importView(record, url))
    const isUnfinished = listed.some((item) => item.isUnfinished)
    views.render(ctx, 'pages/imports/new.html', {
      bytesMax: app.config.imports.bytesMax,
      project: projectCard(owned),
      form,
      imports: listed,
      kinds: REMOTE_KINDS,
      isUnfinished,
    })
  }

  router.get('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const { type } = ctx.query
    if (typeof type === 'string' && !isPybossaForm(type)) throw new NotFoundError('importer', type)
    await showForm(ctx, owned, { values: { kind: kindOfPybossaForm(String(type)) ?? 'url' }, errors: {} })
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    let typed: Readonly<Record<string, string>> = {}
    const again = (form: FormView) => showForm(ctx, owned, { ...form, values: typed })
    await orShowAgain(ctx, {}, again, async () => {
      const { bytesMax } = app.config.imports
      const { db, viewer } = ctx.state
      const id = await withUpload(
        ctx,
        { field: 'file', bytesMax, resumable: app.resumable },
        async (upload) => {
          typed = shownAgain(upload.fields)
          // PyBossa's forms add the tasks at once.
          const confirmed = typed['form_name'] === undefined ? undefined : { options: {} }
          const from = await fetchedFrom(app, upload.fields)
          if (from) return fetchImport(app, db, viewer, owned.project, from, confirmed)
          return draftImport(app, db, viewer, owned.project, await sentFileOf(upload), confirmed)
        },
      )
      if (typed['form_name'] === undefined) {
        ctx.redirect(`${projectUrl(owned.project)}tasks/import/${id}`)
        return
      }
      leaveFlash(ctx, app, 'tasks-coming')
      ctx.redirect(`${projectUrl(owned.project)}tasks/`)
    })
  })

  function rowsOf({ fileKey, id }: TaskImport): ImportSource {
    if (fileKey === null) throw new NotFoundError('import', id)
    return { config: app.config, open: () => app.files.read(fileKey) as AsyncIterable<Uint8Array> }
  }

  function recordOf(ctx: Context, { project }: ProjectWithTotals): Promise<TaskImport> {
    return getImport(ctx.state.db, ctx.state.viewer, project, pathId(ctx, 'importId'))
  }

  function draftOf(record: TaskImport): Draft {
    const importer = findImporter(record.importer)
    if (!importer) throw new NotFoundError('import', record.id)
    return { record, importer }
  }

  router.get('/:importId', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const record = await recordOf(ctx, owned)
    const isLookedAt = record.state === 'draft' || (isRetriable(record) && ctx.query['preview'] !== undefined)
    if (isLookedAt) {
      const options = readingOf(record)
      await showPreview(ctx, owned, { ...draftOf(record), options }, { values: {}, errors: {} })
      return
    }
    const template = record.state === 'done' ? 'done' : 'progress'
    const url = `${projectUrl(owned.project)}tasks/import`
    views.render(ctx, `pages/imports/${template}.html`, {
      project: projectCard(owned),
      ...importView(record, url),
      next: nextStep(owned),
    })
  })

  router.post('/:importId/delete', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    await discardImport(app, ctx.state.db, ctx.state.viewer, project, pathId(ctx, 'importId'))
    leaveFlash(ctx, app, 'import-discarded')
    ctx.redirect(`${projectUrl(project)}tasks/import`)
  })

  router.get('/:importId/problems', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    const report = await openReport(app, ctx.state.db, ctx.state.viewer, project, pathId(ctx, 'importId'))
    ctx.attachment(report.name)
    ctx.type = 'text/csv; charset=utf-8'
    ctx.length = report.bytes
    ctx.set('Cache-Control', 'private, no-store')
    ctx.body = report.content
  })

  /** Looks at a draft's rows: a large zip is copied for that, so these come in turn. */
  async function lookAt<T>(ctx: Context, record: TaskImport, work: () => Promise<T>): Promise<T> {
    return isSmall(record) || !isPacked(record) ? work() : inTurn(ctx.state.viewer?.id ?? 0, work)
  }

  /** What the source becomes with the uses that were chosen for its columns. */
  async function showPreview(
    ctx: Context,
    owned: ProjectWithTotals,
    { record, importer, options }: Draft & { options: Json },
    form: FormView,
  ) {
    const source = rowsOf(record)
    const rowsMax = importer.bringsPictures ? PREVIEW_PICTURES : PREVIEW_ROWS
    const { inspection, canMap } = await lookAt(ctx, record, async () => {
      const found = await importer.inspect(source, options, isSmall(record) ? undefined : rowsMax)
      return { inspection: found, canMap: hasColumns(record) && (await canBeMended(importer, source, found)) }
    })
    // A large one may have few rows.
    const isWhole = isSmall(record) || !inspection.isIncomplete
    const hasProblems = inspection.problems.length > 0
    const { db } = ctx.state
    const addressOf = (picture: SentPicture) => foreseenAddress(app, db, owned.project.id, picture)
    const inputs = () => taskInputs(importer.read(source, options), {}, addressOf)
    const counts =
      hasProblems || !isWhole ? { added: 0, skipped: 0 } : await previewCounts(db, owned.project, inputs())
    views.render(ctx, 'pages/imports/preview.html', {
      project: projectCard(owned),
      record: { id: record.id, fileName: record.fileName },
      inspection,
      isWhole,
      // A fault of the list stands in its table, with row and column.
      form: hasProblems ? { ...form, errors: {} } : form,
      counts,
      choices: BECOMES,
      canMap,
      redundancy: REDUNDANCY,
    })
  }

  router.post('/:importId', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const record = await recordOf(ctx, owned)
    const fields = await readForm(ctx)
    const address = `${projectUrl(owned.project)}tasks/import/${record.id}`
    // Confirmed twice, by a second click or by going back: how far it is is shown.
    if (record.state !== 'draft' && !isRetriable(record)) {
      ctx.redirect(address)
      return
    }
    const { importer } = draftOf(record)
    const columns = hasColumns(record)
      ? await lookAt(ctx, record, () => importer.columns(rowsOf(record), {}))
      : []
    const options = hasColumns(record) ? { columns: mapping(columns, fields) } : {}
    const again = (form: FormView) => showPreview(ctx, owned, { record, importer, options }, form)
    if (fields['check'] !== undefined) {
      await again({ values: fields, errors: {} })
      return
    }
    await orShowAgain(ctx, fields, again, async () => {
      const redundancy = redundancyOf(fields)
      if (isSmall(record)) await refuseProblems(importer, rowsOf(record), options)
      const choices = { redundancy, reading: options }
      await confirmImport(app, ctx.state.db, ctx.state.viewer, owned.project, { record, options: choices })
      ctx.redirect(address)
    })
  })

  return router
}

/** A list that is looked at as a whole before it is accepted: its faults are said at once. */
function isSmall({ bytes, importer }: TaskImport): boolean {
  return (bytes ?? 0) <= (importer === 'xlsx' ? WHOLE_PACKED_MAX : WHOLE_BYTES_MAX)
}

/** Whether a list lies in a zip, which is read from its end. */
function isPacked({ importer }: TaskImport): boolean {
  return importer === 'xlsx' || importer === 'pictures'
}

/** The columns that were chosen before. */
function readingOf({ options }: TaskImport): Json {
  const { reading } = ImportChoices.parse(options)
  return reading as Json
}

async function refuseProblems(importer: Importer, source: ImportSource, options: Json): Promise<void> {
  const [problem] = (await importer.inspect(source, options)).problems
  if (problem) throw new ImportError([problem])
}

/** What comes after adding tasks, of the steps that lead to a published project. */
function nextStep({ project }: ProjectWithTotals): 'question' | 'publishing' | null {
  if (project.presenterVersionId === null) return 'question'
  return project.published ? null : 'publishing'
}

/** Whether there are problems only about what columns become: as data, any text will do. */
async function canBeMended(
  importer: Importer,
  source: ImportSource,
  { columns, problems: found }: ImportInspection,
): Promise<boolean> {
  if (found.length === 0) return true
  const allData = columns.map(({ name }) => ({ name, becomes: 'data', key: name }))
  const { problems } = await importer.inspect(source, { columns: allData })
  return columns.length > 0 && problems.length === 0
}

async function sentFileOf({ file, fields }: Upload): Promise<SentFile> {
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
