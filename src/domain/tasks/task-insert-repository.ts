import { Readable } from 'node:stream'
import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { createPace, slicesOf, textBatches } from '../../lib/text-batches.ts'
import { copyIn, copyLine } from '../../platform/copy.ts'
import type { Tx } from '../../platform/postgres.ts'

export interface TaskRow {
  /** The content as JSON. */
  info: string | null
  nAnswers: number
  priority: number
  calibration: number
  /** The answer that is known, of a calibration task. */
  expectedInfo: string | null
  quorum: number
  /** SHA-256 of the content, in hexadecimal. */
  hash: string
}

/** What was added to a project; calibration tasks are counted apart, and want no task runs. */
export interface AddedTasks {
  /** Rows there were. */
  given: number
  added: number
  nCalibration: number
  nWanted: number
  firstId: number | null
  /** In the order given; empty of those that came by COPY. */
  ids: number[]
}

/**
 * How much of a source one COPY and one insert take, in texts of 64 kB. On a busy machine it is less: both have to end far
 * within the time limit of a statement.
 */
const SLICES = { first: 8, max: 16, milliseconds: 4_000 }

/** Adds tasks with their scheduling rows in one statement. */
export async function insertTaskRows(
  tx: Tx,
  projectId: number,
  rows: readonly TaskRow[],
): Promise<AddedTasks> {
  const source = sql`
    select n, info::jsonb, n_answers, priority, calibration, expected_info::jsonb, quorum, decode(hash, 'hex') as hash
      from unnest(
        ${rows.map(({ info }) => info)}::text[], ${rows.map(({ nAnswers }) => nAnswers)}::integer[],
        ${rows.map(({ priority }) => priority)}::double precision[],
        ${rows.map(({ calibration }) => calibration)}::smallint[],
        ${rows.map(({ expectedInfo }) => expectedInfo)}::text[], ${rows.map(({ quorum }) => quorum)}::integer[],
        ${rows.map(({ hash }) => hash)}::text[])
      with ordinality as given_row (info, n_answers, priority, calibration, expected_info, quorum, hash, n)`
  return insertFrom(tx, projectId, source, sql``, sql`array_agg(id order by id)`)
}

/** What a source held, beside the tasks that were added. */
export interface CopiedTasks extends Omit<AddedTasks, 'ids' | 'given'> {
  /** Contents of the source that the project had before. */
  known: number
  /** Rows whose content stood further up in the source. */
  repeated: number
}

/**
 * Adds tasks with their scheduling rows in the order given, without those whose content stands further up in the
 * source or is known to the project. The rows go through COPY into a temporary table and from there into place, slice
 * by slice: docs/importing.md says why.
 */
export async function copyTaskRows<Input>(
  tx: Tx,
  projectId: number,
  inputs: AsyncIterable<Input>,
  rowOf: (input: Input) => TaskRow,
): Promise<CopiedTasks> {
  const total: CopiedTasks = { added: 0, known: 0, repeated: 0, nCalibration: 0, nWanted: 0, firstId: null }
  let read = 0
  await neverSort(tx)
  await sql`
    create temporary table if not exists task_known (hash bytea primary key) on commit drop`.execute(tx)
  await sql`
    create temporary table if not exists task_source (
      n integer not null, info jsonb, n_answers integer not null, priority double precision not null,
      calibration smallint not null, expected_info jsonb, quorum integer not null, hash bytea not null
    ) on commit drop`.execute(tx)
  const source = sql`
    select *, row_number() over (partition by hash order by n) as place from pg_temp.task_source`
  const isNew = sql` where place = 1 and (${taskLike(projectId, 'given.hash')}) is null`
  const texts = textBatches(inputs, (input) => {
    read += 1
    return lineOf(rowOf(input), read)
  })
  // A stream reads ahead: the next slice is made while the server is busy with this one.
  const ahead: AsyncIterable<string> = Readable.from(texts, { highWaterMark: SLICES.max })
  const pace = createPace(SLICES)
  for await (const slice of slicesOf(ahead, pace.length)) {
    const began = performance.now()
    await copyIn(tx, sql`copy pg_temp.task_source from stdin`, slice)
    const before = total.firstId
    const { given, added, nCalibration, nWanted, firstId } = await insertFrom(tx, projectId, source, isNew)
    total.added += added
    total.nCalibration += nCalibration
    total.nWanted += nWanted
    total.firstId ??= firstId
    const skipped = given - added
    if (skipped > 0) {
      const known = await noteKnown(tx, projectId, before ?? firstId)
      total.known += known
      total.repeated += skipped - known
    }
    await sql`truncate pg_temp.task_source`.execute(tx)
    pace.took(performance.now() - began)
  }
  return total
}

/**
 * Has the rest of the transaction look for contents in the one index that is made for it. Statistics know nothing of rows
 * that this transaction, or another one that is still at work, has added: an autovacuum beside a large import finds pages
 * without a row in them, then all indexes that begin with the project look alike, and each row of a slice would be looked
 * for among all tasks of the project.
 */
async function neverSort(tx: Tx): Promise<void> {
  await sql`select set_config('enable_sort', 'off', true)`.execute(tx)
}

/**
 * The id of a task of the project whose content has this hash. Only the index of both gives the order that is asked for
 * unsorted; written as an equality it would be no order.
 */
function taskLike(projectId: number, hash: string): RawBuilder<unknown> {
  const like = sql.raw(hash)
  return sql`select t.id from task t where t.project_id = ${projectId} and t.info_hash between ${like} and ${like}
               order by t.info_hash limit 1`
}

/**
 * Keeps in mind which contents of the slice the project had before the import; how many of them came up for the first
 * time.
 *
 * @param firstId of the tasks that the import has added.
 */
async function noteKnown(tx: Tx, projectId: number, firstId: number | null): Promise<number> {
  const { numAffectedRows } = await sql`
    insert into pg_temp.task_known (hash)
    select distinct hash from pg_temp.task_source g
     where (${taskLike(projectId, 'g.hash')}) < coalesce(${firstId}, 9223372036854775807)
        on conflict do nothing`.execute(tx)
  return Number(numAffectedRows ?? 0)
}

/** Tasks with their scheduling rows, of the rows of a source that a condition leaves. */
async function insertFrom(
  tx: Tx,
  projectId: number,
  source: RawBuilder<unknown>,
  where: RawBuilder<unknown>,
  ids = sql`array[]::bigint[]`,
): Promise<AddedTasks> {
  const { rows } = await sql<AddedTasks>`
    with given as not materialized (${source}),
    added as (
      insert into task (project_id, info, n_answers, priority_0, calibration, expected_info, quorum, info_hash)
      select ${projectId}, info, n_answers, priority, calibration, expected_info, quorum, hash
        from given ${where} order by n
      returning id, n_answers, priority_0, calibration),
    scheduled as (
      insert into task_sched (task_id, project_id, nprio, n_answers, sched, ord, calibrates, open)
      select a.id, ${projectId}, -a.priority_0, a.n_answers, k.kind, order_key_v1(k.kind, a.id, 0),
             a.calibration <> 0, a.calibration = 0
        from added a, (select order_kind_v1(scheduler) as kind from project where id = ${projectId}) k)
    select (select count(*)::int from given) as given, count(*)::int as added, (count(*) filter (where calibration <> 0))::int as "nCalibration",
           coalesce(sum(n_answers) filter (where calibration = 0), 0)::int as "nWanted", min(id) as "firstId",
           ${ids} as ids
      from added`.execute(tx)
  return rows[0] ?? { given: 0, added: 0, nCalibration: 0, nWanted: 0, firstId: null, ids: [] }
}

/**
 * Whether tasks from an id on are in another order than their project's scheduler has. Asked with the project's row
 * locked: then nobody changes the scheduler any more before this transaction ends.
 */
export async function isInOldOrder(tx: Tx, projectId: number, firstId: number): Promise<boolean> {
  const { rows } = await sql<{ isOld: boolean }>`
    select exists (select from task_sched s where s.project_id = p.id and s.task_id >= ${firstId}
                      and s.sched <> order_kind_v1(p.scheduler)) as "isOld"
      from project p where p.id = ${projectId}`.execute(tx)
  return rows[0]?.isOld === true
}

function lineOf(row: TaskRow, n: number): string {
  const { info, nAnswers, priority, calibration, expectedInfo, quorum, hash } = row
  return copyLine([n, info, nAnswers, priority, calibration, expectedInfo, quorum, `\\x${hash}`])
}
