import { findLicence } from '../../lib/licences.ts'
import type { Licence } from '../../lib/licences.ts'
import { readableBytes } from '../../lib/readable-bytes.ts'
import type { App } from '../../platform/app.ts'
import type { JobRun } from '../../platform/job.ts'
import type { Tx } from '../../platform/postgres.ts'
import { queueMail } from '../mails/mail-service.ts'
import { getProjectById } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { countCut, scanCut } from './cut-scan.ts'
import { createProgress } from './export-progress.ts'
import { findExport, findRequest, markExported, markRunning, retireReady } from './export-repository.ts'
import type { ExportedFile, ProjectExport } from './export-repository.ts'
import { exportRows } from './export-rows.ts'
import type { ExportRows } from './export-rows.ts'
import { readingAgain } from './read-again.ts'
import { noteMade } from './subscription-repository.ts'
import { DELTA_DAYS, exportPageUrl, projectUrl } from './export-service.ts'
import { EXPORT_COLUMNS } from './column-repository.ts'
import type { ExportColumn, ExportTable } from './column-repository.ts'
import { listAskedVersions, listRuleChanges } from './description-repository.ts'
import type { AskedVersion, RuleChange } from './description-repository.ts'

export type { ExportColumn } from './column-repository.ts'

/** Days that an export can be downloaded. */
const EXPORT_DAYS = 7
/** One that is kept ready, unless a newer one takes its place. */
const READY_DAYS = 365

/** An export that is being made: its rows, and how it ends well. */
export interface ExportWork {
  readonly record: ProjectExport
  readonly project: Project
  /** When its cut was taken: the same for a run after a crash. */
  readonly started: Date
  readonly rows: ExportRows
  readonly description: ExportDescription
  /** Ends the export and its job, and queues the mail about it, in one transaction. */
  finish(file: Omit<ExportedFile, 'nRows'>): Promise<void>
}

/** What an export is, for who reads its file. */
export interface ExportDescription {
  readonly project: Pick<Project, 'id' | 'name' | 'description'> & { readonly url: string }
  readonly licence: Licence | undefined
  readonly table: ExportTable
  readonly nRows: number
  /** When its cut was taken. */
  readonly moment: string
  readonly cut: string
  readonly since: string | null
  readonly columns: readonly ExportColumn[]
  readonly versions: readonly AskedVersion[]
  readonly ruleChanges: readonly RuleChange[]
}

/** What a format needs. */
export interface FormatNeeds {
  /** To know what the rows' JSON holds before the first one is written. */
  readonly wantsColumns: boolean
  /** How often each row is written. */
  readonly passes: number
}

/**
 * Begins (or begins again) the work on an export: takes its cut, or finds the one it took, counts its rows and looks at
 * them a first time.
 *
 * @returns undefined when it has ended already, or nobody knows of it any more.
 * @throws NotFoundError when its project is gone.
 */
export async function beginExport(
  app: Pick<App, 'queue' | 'config'>,
  run: Pick<JobRun, 'openDb' | 'commit' | 'signal' | 'log'>,
  exportId: number,
  needsOf: (record: ProjectExport) => FormatNeeds,
): Promise<ExportWork | undefined> {
  const record = await run.openDb().readPrimary((primary) => findExport(primary, exportId))
  if (!record) return undefined
  const project = await getProjectById(run.openDb(), record.projectId)
  // The reads of this handle show what its own transaction saw, so that all of the cut is there.
  const db = run.openDb()
  const begun = await db.write((tx) => markRunning(tx, exportId, DELTA_DAYS))
  if (!begun) return undefined
  const { cut, since, started } = begun
  const { what: table } = record
  const ofProject = { projectId: project.id, cut, since }
  const { signal } = run
  const read = readingAgain(db.read.bind(db), signal)
  const { wantsColumns, passes } = needsOf(record)

  const progress = createProgress(run, exportId)
  await countCut(read, ofProject, table, progress.count)
  progress.begin(passes + 1)
  const { add: told } = progress
  const scan = await scanCut(read, ofProject, table, { wantsColumns, told })
  const rows = exportRows({ read: db.read.bind(db), cut: ofProject, table, scan, signal, told })

  return {
    record,
    project,
    started: new Date(started),
    rows,
    description: {
      project: { ...project, url: projectUrl(app, project.shortName) },
      licence: findLicence(project.licence),
      table,
      nRows: scan.nRows,
      moment: started,
      cut,
      since,
      columns: EXPORT_COLUMNS[table],
      versions: await read((reader) => listAskedVersions(reader, project.id, started)),
      ruleChanges: await read((reader) => listRuleChanges(reader, project.id, started)),
    },
    async finish(file) {
      await run.commit((tx) => endExport(app, tx, record, { ...file, nRows: scan.nRows }))
    },
  }
}

/** Notes that an export is done, and tells who waits for it. */
async function endExport(
  app: Pick<App, 'queue' | 'config'>,
  tx: Tx,
  record: ProjectExport,
  file: ExportedFile,
): Promise<void> {
  const days = record.origin === 'ready' ? READY_DAYS : EXPORT_DAYS
  await markExported(tx, record.id, file, days)
  if (record.origin === 'ready') {
    await retireReady(tx, record)
    return
  }
  const { byMail, toBucket } =
    record.subscriptionId === null
      ? { byMail: true, toBucket: false }
      : await noteMade(tx, record.subscriptionId, record.id)
  if (toBucket) await app.queue.enqueue(tx, 'deliver-export', { exportId: record.id })
  const request = byMail ? await findRequest(tx, record.id) : undefined
  if (!request) return
  await queueMail(app, tx, {
    to: request.email,
    subject: `Your export of ${request.projectName} is ready`,
    template: 'export-ready',
    view: {
      projectName: request.projectName,
      rows: file.nRows,
      fileName: file.name,
      size: readableBytes(file.bytes),
      days: EXPORT_DAYS,
      url: exportPageUrl(app, request.shortName),
    },
  })
}
