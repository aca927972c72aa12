/** What is exported: a row for each of these. */
export type ExportNoun = 'task' | 'task_run' | 'result'
/** `combined`: task runs with their tasks' columns; `wide`: tasks with all their task runs side by side. */
export type ExportTable = ExportNoun | 'combined' | 'wide'

export type ColumnKind = 'number' | 'text' | 'time' | 'boolean' | 'ids' | 'json'

export interface ExportColumn {
  readonly name: string
  readonly kind: ColumnKind
  /** Its value, from the tables that `rowsOf` joins. */
  readonly sql: string
  /** What it means, for who reads the file. */
  readonly meaning: string
}

function column(name: string, kind: ColumnKind, sql: string, meaning: string): ExportColumn {
  return { name, kind, sql, meaning }
}

/** PyBossa's form of a time: UTC without a zone. */
function timeText(sql: string): string {
  return `to_char(${sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')`
}

/** PyBossa's names of the exported attributes, in its order; what it has not comes last. */
const TASK: readonly ExportColumn[] = [
  column('id', 'number', 't.id', 'The task’s number'),
  column('created', 'time', timeText('t.created'), 'When the task was added, in UTC'),
  column('project_id', 'number', 't.project_id', 'The project’s number'),
  column(
    'state',
    'text',
    'task_state',
    'Whether the task has all the task runs it wants: completed or ongoing',
  ),
  column('quorum', 'number', 't.quorum', 'Kept from PyBossa; has no effect'),
  column('calibration', 'number', 't.calibration', 'Other than 0 for tasks whose outcome the owner knows'),
  column('priority_0', 'number', 't.priority_0', 'From 0 to 1; the highest is handed out first'),
  column('info', 'json', 't.info', 'What the task is about, as its owner gave it'),
  column('n_answers', 'number', 't.n_answers', 'How many task runs the task wants'),
  column('fav_user_ids', 'ids', 't.fav_user_ids', 'Who marked the task as a favourite'),
]

const TASK_RUN: readonly ExportColumn[] = [
  column('id', 'number', 'r.id', 'The task run’s number'),
  column('created', 'time', timeText('r.created'), 'When the task was handed out, in UTC'),
  column('project_id', 'number', 'r.project_id', 'The project’s number'),
  column('task_id', 'number', 'r.task_id', 'The task that it belongs to: joins it to the tasks’ id'),
  column('user_id', 'number', 'c.user_id', 'The signed-in contributor’s number'),
  column('user_ip', 'text', 'c.made_up_ip', 'Tells apart who contributed without an account; made up'),
  column('finish_time', 'time', timeText('r.finish_time'), 'When it was given, in UTC'),
  column('timeout', 'number', 'r.timeout', 'Kept from PyBossa; has no effect'),
  column('calibration', 'number', 'r.calibration', 'Kept from PyBossa; has no effect'),
  column('external_uid', 'text', 'c.external_uid', 'The contributor’s name on another site that sent them'),
  column('media_url', 'text', 'r.media_url', 'A file that was sent along'),
  column('info', 'json', 'r.info', 'What the contributor said'),
  column('presenter_version', 'number', 'r.presenter_version', 'The version of the presenter that asked'),
]

const RESULT: readonly ExportColumn[] = [
  column('id', 'number', 'o.id', 'The result’s number'),
  column('created', 'time', timeText('o.created'), 'When its task was completed, in UTC'),
  column('project_id', 'number', 'o.project_id', 'The project’s number'),
  column('task_id', 'number', 'o.task_id', 'The task that it belongs to: joins it to the tasks’ id'),
  column('task_run_ids', 'ids', 'o.task_run_ids', 'The task runs that it is made of'),
  column('last_version', 'boolean', 'o.last_version', 'Always true: earlier results of a task are left out'),
  column('info', 'json', 'o.info', 'What the owner made of the task runs'),
]

/** What stands in the wide form for each task run of a task. */
const WIDE_RUN = new Set([
  'id',
  'user_id',
  'user_ip',
  'external_uid',
  'finish_time',
  'info',
  'presenter_version',
])

/** A task run as an object, in the wide form. */
export const WIDE_RUN_OBJECT = `jsonb_build_object(${TASK_RUN.filter(({ name }) => WIDE_RUN.has(name))
  .map(({ name, sql }) => `'${name}', ${sql}`)
  .join(', ')})`

export const EXPORT_COLUMNS: Readonly<Record<ExportTable, readonly ExportColumn[]>> = {
  task: TASK,
  task_run: TASK_RUN,
  result: RESULT,
  combined: [
    ...TASK_RUN,
    ...TASK.map((of) => ({ ...of, name: `task__${of.name}`, meaning: `Of its task: ${of.meaning}` })),
  ],
  wide: [
    ...TASK,
    column('task_run', 'json', 'task_runs', 'The task’s task runs by position, in the order they were given'),
  ],
}
