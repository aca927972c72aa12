import { defineNoun } from './noun.ts'
import { boolean, integer, integers, json, number, text, time } from './values.ts'

/** The nouns that show each other as `related`. */

const RELATED = text.meta({
  description: 'Any value: objects hold their tasks, task runs and results as well.',
})

export const TASK = defineNoun({
  path: 'task',
  className: 'Task',
  hasOwnership: true,
  parents: { project_id: 'project' },
  listArguments: {
    participated: text.meta({
      description: 'Any value: only tasks that the caller has given no task run to.',
    }),
    external_uid: text.meta({ description: 'With participated: whom another site knows by this.' }),
    related: RELATED,
  },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    created: { field: 'created', schema: time, use: 'reserved' },
    project_id: { field: 'projectId', schema: integer },
    state: { field: 'state', schema: text, use: 'reserved' },
    quorum: { field: 'quorum', schema: integer },
    calibration: { field: 'calibration', schema: integer },
    priority_0: { field: 'priority', schema: number },
    info: { field: 'info', schema: json },
    n_answers: { field: 'nAnswers', schema: integer },
    fav_user_ids: { field: 'favUserIds', schema: integers, use: 'reserved' },
    // What is known of a calibration task.
    expected_info: { field: 'expectedInfo', schema: json, use: 'write-only' },
  },
})

/** Contributors must not know which tasks are for calibration. */
export function withoutCalibration<T extends object>(task: T): T & { calibration: number } {
  return { ...task, calibration: 0 }
}

export const TASK_RUN = defineNoun({
  path: 'taskrun',
  className: 'TaskRun',
  hasOwnership: true,
  parents: { project_id: 'project', task_id: 'task' },
  listArguments: {
    from_finish_time: text.meta({ description: 'Only task runs finished at this time or later.' }),
    to_finish_time: text.meta({ description: 'Only task runs finished at this time or before.' }),
    related: RELATED,
  },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    created: { field: 'created', schema: time, use: 'reserved' },
    project_id: { field: 'projectId', schema: integer },
    task_id: { field: 'taskId', schema: integer },
    // Whoever is named in the body has to be who asks: only a token says so, never a user_id or an address.
    user_id: { field: 'userId', schema: integer, use: 'ignored' },
    user_ip: { field: 'userIp', schema: text, use: 'ignored' },
    finish_time: { field: 'finishTime', schema: time, use: 'reserved' },
    timeout: { field: 'timeout', schema: integer },
    calibration: { field: 'calibration', schema: integer },
    external_uid: { field: 'externalUid', schema: text },
    media_url: { field: 'mediaUrl', schema: text },
    info: { field: 'info', schema: json },
  },
})

export const RESULT = defineNoun({
  path: 'result',
  className: 'Result',
  hasOwnership: true,
  parents: { project_id: 'project', task_id: 'task' },
  listArguments: { related: RELATED },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    created: { field: 'created', schema: time, use: 'reserved' },
    project_id: { field: 'projectId', schema: integer, use: 'reserved' },
    task_id: { field: 'taskId', schema: integer, use: 'reserved' },
    task_run_ids: { field: 'taskRunIds', schema: integers, use: 'reserved' },
    last_version: { field: 'lastVersion', schema: boolean, use: 'reserved' },
    info: { field: 'info', schema: json },
  },
})
