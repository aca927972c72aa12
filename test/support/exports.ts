import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { parse } from 'csv-parse/sync'
import { newTask, submitTaskRun } from '../../src/domain/assignment/assignment-service.ts'
import type { ContributorKey } from '../../src/domain/contributors/contributor-service.ts'
import { openExport, requestExport } from '../../src/domain/exports/export-service.ts'
import type { ExportFormat, ExportTable } from '../../src/domain/exports/export-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import type { Json } from '../../src/platform/schema.ts'
import { untilJobsEnd } from './jobs.ts'
import type { JobApp } from './jobs.ts'
import { waitForReplica } from './servers.ts'
import { readZip } from './zip.ts'

/** What every export holds besides its rows. */
export const ABOUT = ['README.txt', 'datapackage.json']

/** Asks for an export, and reads its members when it is there. */
export async function exportNow(
  job: JobApp,
  owner: User,
  project: Project,
  what: ExportTable,
  format: ExportFormat,
): Promise<Map<string, string>> {
  const wanted = await requestExport(job.app, job.db(), owner, project, { what, format })
  await untilJobsEnd(job)
  return download(job, owner, project, wanted.id)
}

/** The members of a finished export, once its checksum is found to be that of the file. */
export async function download(
  job: JobApp,
  owner: User,
  project: Project,
  id: number,
): Promise<Map<string, string>> {
  await waitForReplica()
  const file = await openExport(job.app, job.db(), owner, project, id)
  const bytes = await buffer(file.content)
  assert.equal(bytes.length, file.bytes)
  const [stored] = await job.sql('select sha256 from project_export where id = $1', [id])
  assert.equal(createHash('sha256').update(bytes).digest('hex'), stored?.['sha256'])
  return readZip(bytes)
}

export type Row = Record<string, string>

export function csvRows(text: string | undefined): Row[] {
  return parse<Row>(text ?? '', { columns: true, bom: false })
}

/** What each of these people answers to each task of a project, in turn. */
export async function answerAll(
  job: JobApp,
  project: Project,
  who: ContributorKey,
  infos: readonly Json[],
): Promise<void> {
  for (const info of infos) {
    const [task] = await newTask(job.app, job.db(), project, who, { limit: 1, offset: 0 })
    assert.ok(task)
    const run = { projectId: project.id, taskId: task.id, info }
    await submitTaskRun(job.app, job.db(), who, run, 'request-of-test')
  }
}
