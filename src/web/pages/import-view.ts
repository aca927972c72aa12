import { isRemote } from '../../domain/imports/row-source.ts'
import type { TaskImport } from '../../domain/imports/import-service.ts'

/** Before so many seconds have passed, nobody can say how long the rest will take. */
const FORESEEN_AFTER = 3

/** @param url of the project's imports. */
export function importView(record: TaskImport, url: string) {
  const { id, state, fileName, bytes, bytesDone, nRowsDone, nAdded, nProblems, error } = record
  const [known, repeated] = [record.nSkipped ?? 0, record.nRepeated ?? 0]
  return {
    id,
    state,
    fileName,
    isAutomatic: record.isAutomatic,
    isRemote: isRemote(record.source) && !record.isAutomatic,
    isUnfinished: state === 'fetching' || state === 'waiting' || state === 'running',
    isRetriable: isRetriable(record) && (!nProblems || hasColumns(record)),
    hasColumns: hasColumns(record),
    created: record.created,
    bytes,
    bytesDone: Math.min(bytesDone, bytes ?? bytesDone),
    nRowsDone,
    secondsLeft: secondsLeft(record),
    added: nAdded,
    skipped: known + repeated,
    known,
    repeated,
    nProblems,
    error,
    url: `${url}/${id}`,
    reportUrl: record.reportKey === null ? null : `${url}/${id}/problems`,
  }
}

/** An import that failed and whose rows are still there may be tried again. */
export function isRetriable({ state, fileKey, importer }: TaskImport): boolean {
  return state === 'failed' && fileKey !== null && importer !== ''
}

/** Whether its owner chooses what columns become. */
export function hasColumns({ importer }: Pick<TaskImport, 'importer'>): boolean {
  return importer === 'csv' || importer === 'xlsx'
}

function secondsLeft({ state, started, bytes, bytesDone }: TaskImport): number | null {
  if (state !== 'running' || started === null || bytes === null || bytesDone === 0) return null
  const seconds = (Date.now() - Date.parse(started)) / 1_000
  if (seconds < FORESEEN_AFTER) return null
  return Math.max(1, Math.round((seconds * (bytes - bytesDone)) / bytesDone))
}
