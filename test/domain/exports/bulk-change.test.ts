import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExportTable } from '../../../src/domain/exports/column-repository.ts'
import { jsonStatement } from '../../../src/domain/exports/copy-repository.ts'
import type { Cut } from '../../../src/domain/exports/cut-repository.ts'
import { scanCut } from '../../../src/domain/exports/cut-scan.ts'
import { exportRows } from '../../../src/domain/exports/export-rows.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { newOwner, newProject, startJobApp } from '../../support/jobs.ts'

const job = await startJobApp(untilFileEnds())
const owner = await newOwner(job)
const TASKS = 3_000
const { id: projectId } = await newProject(job, owner)
await job.sql(
  `insert into task (project_id, info) select $1, jsonb_build_object('n', n) from generate_series(1, ${TASKS}) n`,
  [projectId],
)
await job.sql(
  `with someone as (insert into contributor (kind, device_id) values ('device', gen_random_uuid()) returning id)
   insert into task_run (project_id, task_id, contributor_id, info, created, counted)
   select $1, t.id, s.id, t.info, now(), true from task t, someone s where t.project_id = $1 order by t.id`,
  [projectId],
)
await job.sql(
  `insert into result (project_id, task_id, task_run_ids, info)
   select $1, task_id, array[id], info from task_run where project_id = $1 order by id`,
  [projectId],
)

async function takeCut(since: string | null = null): Promise<Cut> {
  const [row] = await job.sql('select pg_current_snapshot()::text as cut')
  return { projectId, cut: String(row?.['cut']), since }
}

async function written(cut: Cut, table: ExportTable): Promise<string> {
  const { readPrimary: read } = job.db()
  const told = () => Promise.resolve()
  const scan = await scanCut(read, cut, table, { wantsColumns: false, told })
  const { signal } = new AbortController()
  const parts: Buffer[] = []
  const rows = exportRows({ read, cut, table, scan, signal, told })
  await rows.writeJson((part) => Promise.resolve(void parts.push(part)), 'lines')
  return Buffer.concat(parts).toString()
}

interface PlanNode {
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

/** How many old versions a statement looks at. */
function versionsLookedAt(node: PlanNode): number {
  const own =
    node['Relation Name'] === 'row_version'
      ? (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']
      : 0
  return (node.Plans ?? []).reduce((sum, child) => sum + versionsLookedAt(child), own)
}

async function costOf(cut: Cut, table: ExportTable): Promise<number> {
  const noun = table === 'combined' || table === 'task_run' ? 'task_run' : 'task'
  const [range] = await job.sql(
    `select min(id) - 1 as "afterId", min(id) + 99 as "lastId" from ${noun} where project_id = $1`,
    [projectId],
  )
  const copy = jsonStatement(cut, table, range as { afterId: number; lastId: number })
  const [, select = ''] = /^\s*copy \(([^]*)\) to stdout/.exec(copy) ?? []
  assert.notEqual(select, '')
  const [explained] = await job.sql(`explain (analyze, timing off, format json) ${select}`)
  const [{ Plan: plan }] = explained?.['QUERY PLAN'] as [{ Plan: PlanNode }]
  return versionsLookedAt(plan)
}

test('what is changed in bulk after a cut shows as it was, at a cost that does not grow with all that changed', async () => {
  const tables = ['task', 'task_run', 'combined', 'wide'] as const
  const cut = await takeCut()
  const before = new Map<ExportTable, string>()
  for (const table of tables) before.set(table, await written(cut, table))
  assert.equal(before.get('combined')?.split('\n').length, TASKS + 1)
  assert.match(before.get('combined') ?? '', /"task__state":"completed"/)

  await job.sql(`update task set info = '{"changed": true}', priority_0 = 0.5 where project_id = $1`, [
    projectId,
  ])
  await job.sql(`update task_run set info = '{"changed": true}' where project_id = $1`, [projectId])
  await job.sql('delete from result where project_id = $1', [projectId])

  for (const table of tables) assert.equal((await written(cut, table)) === before.get(table), true, table)
  const later = await takeCut(cut.cut)
  assert.equal((await written(later, 'task')).split('\n').length, TASKS + 1)
  for (const statistics of ['before it is noticed', 'after']) {
    // A version of the run, its task and its result for each of a hundred rows; a delta looks at results of both cuts.
    for (const table of tables)
      assert.ok((await costOf(cut, table)) <= 400, `${table} ${statistics}: ${await costOf(cut, table)}`)
    assert.ok((await costOf(later, 'task')) <= 400, `delta ${statistics}`)
    await job.sql('analyze row_version')
  }
})
