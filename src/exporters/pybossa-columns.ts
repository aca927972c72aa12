import type { ExportNoun, ExportRecord } from '../domain/exports/export-service.ts'

/** PyBossa's names of the exported attributes, in its order, and our names of them; what it has not comes last. */
const COLUMNS: Record<ExportNoun, Readonly<Record<string, string>>> = {
  task: {
    id: 'id',
    created: 'created',
    project_id: 'projectId',
    state: 'state',
    quorum: 'quorum',
    calibration: 'calibration',
    priority_0: 'priority',
    info: 'info',
    n_answers: 'nAnswers',
    fav_user_ids: 'favUserIds',
  },
  task_run: {
    id: 'id',
    created: 'created',
    project_id: 'projectId',
    task_id: 'taskId',
    user_id: 'userId',
    user_ip: 'userIp',
    finish_time: 'finishTime',
    timeout: 'timeout',
    calibration: 'calibration',
    external_uid: 'externalUid',
    media_url: 'mediaUrl',
    info: 'info',
    presenter_version: 'presenterVersion',
  },
  result: {
    id: 'id',
    created: 'created',
    project_id: 'projectId',
    task_id: 'taskId',
    task_run_ids: 'taskRunIds',
    last_version: 'lastVersion',
    info: 'info',
  },
}

const TIMES = new Set(['created', 'finish_time'])

/** A record's attributes under PyBossa's names, `info` still being JSON text. Times are UTC without a zone, as there. */
export function pybossaColumns(noun: ExportNoun, record: ExportRecord): [string, unknown][] {
  return Object.entries(COLUMNS[noun]).map(([name, field]) => {
    const value = record[field] ?? null
    return [name, TIMES.has(name) && typeof value === 'string' ? value.replace(/Z$/, '') : value]
  })
}
