import type { Pool, PoolClient } from 'pg'
import { fillProject } from './assign-filling.ts'
import type { FilledProject } from './assign-filling.ts'
import { judged, percentile } from './report.ts'
import type { Line } from './report.ts'

/** One call: milliseconds in the database, and pages of 8 kB that it touched. */
interface Cost {
  ms: number
  buffers: number
}

interface Cell {
  readonly phase: 'begin' | 'end'
  readonly project: FilledProject
  readonly costs: Record<Who | Baseline, Cost[]>
}

/** Somebody who asks for the first time, in the middle of it, or after thousands of task runs. */
const WHO = ['fresh', 'walking', 'busy'] as const
type Who = (typeof WHO)[number]

/**
 * What is usual: one query that counts and reserves nothing. By id, or the task with the fewest task runs first. Both
 * have the index that suits them.
 */
const BASELINES = ['by id', 'fewest first'] as const
type Baseline = (typeof BASELINES)[number]

const INDEX = 'create index bench_task_order on task (project_id, state, priority_0 desc, id)'
const RUNS = '(select count(*) from task_run r where r.task_id = t.id and r.withdrawn is null)'

export function baselineQuery(kind: Baseline, project: number, contributor: number): string {
  return `select t.id::int as id from task t
    where t.project_id = ${project} and t.state = 'ongoing' and ${RUNS} < t.n_answers
      and not exists (select from task_run m
                       where m.task_id = t.id and m.contributor_id = ${contributor} and m.withdrawn is null)
    order by ${kind === 'by id' ? '' : `${RUNS}, `}t.priority_0 desc, t.id limit 1`
}

export interface CostOptions {
  readonly sizes: readonly number[]
  readonly samples: number
  readonly only: ReadonlySet<number>
}

/** Nobody has asked before with such an id. */
let fresh = 1_000_000_000_000

/** Figures 2, 3 and 7: what one call costs, whatever the project's size and the contributor's history. */
export async function costFigures(database: Pool, options: CostOptions): Promise<Map<number, Line[]>> {
  const cells: Cell[] = []
  for (const tasks of options.sizes) {
    for (const phase of ['begin', 'end'] as const) {
      const project = await fillProject(database, `bench-${phase}-${tasks}`, {
        tasks,
        isEnding: phase === 'end',
      })
      const costs = { fresh: [], walking: [], busy: [], 'by id': [], 'fewest first': [] }
      cells.push({ phase, project, costs })
    }
  }
  await database.query(INDEX)
  // However long the filling took: every cursor goes on from where it is.
  await database.query(
    "update contributor_project set cur_reset = now() + interval '1 day', cur_peeked = now() + interval '1 day'",
  )
  await database.query('vacuum analyze')
  const client = await database.connect()
  try {
    await client.query("set statement_timeout = '60s'")
    for (const cell of cells) await checkTasks(client, cell)
    for (let sample = -5; sample < options.samples; sample += 1) {
      for (const cell of cells) await sampleCell(client, cell, sample)
    }
    if (options.only.has(7)) for (const cell of cells) await sampleBaselines(client, cell)
    return new Map([
      [2, ofSize(cells)],
      [3, [...ofHistory(cells), ...(await ofReset(client, cells))]],
      [7, ofBaseline(cells)],
    ])
  } finally {
    client.release()
    await database.query('drop index bench_task_order')
  }
}

/** Looking for a task is measured, and finding none would be cheap. */
async function checkTasks(client: PoolClient, { project }: Cell): Promise<void> {
  for (const who of WHO) {
    const contributor = contributorFor(who, project, 0)
    if (contributor === undefined) continue
    await client.query('begin')
    const { rows } = await client.query<{ task_ids: string[] }>(newTaskQuery(project.id, contributor))
    await client.query('rollback')
    if (rows[0]?.task_ids.length !== 1) throw new Error(`Project ${project.id} has no task for ${who}`)
  }
}

/** The first samples only warm up. */
async function sampleCell(client: PoolClient, { project, costs }: Cell, sample: number): Promise<void> {
  for (const who of WHO) {
    const contributor = contributorFor(who, project, sample)
    if (contributor === undefined) continue
    const cost = await explain(client, newTaskQuery(project.id, contributor))
    if (sample >= 0) costs[who].push(cost)
  }
}

function contributorFor(who: Who, { walkers, busy }: FilledProject, sample: number): number | undefined {
  if (who === 'fresh') return (fresh += 1)
  return who === 'busy' ? busy : walkers[Math.abs(sample) % walkers.length]
}

function newTaskQuery(project: number, contributor: number): string {
  return `select * from newtask_v2(${project}, ${contributor}, 1, 0, 100)`
}

/** Rolled back, so that a project stays at its begin, or its end. */
async function explain(client: PoolClient, query: string): Promise<Cost> {
  await client.query('begin')
  try {
    return await explainInside(client, query)
  } finally {
    await client.query('rollback')
  }
}

interface Explained {
  Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number }
  'Execution Time': number
}

/** As often as goes into a second, but once at least. */
async function sampleBaselines(client: PoolClient, { project, costs }: Cell): Promise<void> {
  for (const baseline of BASELINES) {
    const began = performance.now()
    do {
      const contributor =
        project.busy ?? project.walkers[costs[baseline].length % project.walkers.length] ?? 0
      costs[baseline].push(await explain(client, baselineQuery(baseline, project.id, contributor)))
    } while (performance.now() - began < 1_000 && costs[baseline].length < 100)
  }
}

function ofSize(cells: readonly Cell[]): Line[] {
  const shown = cells.flatMap((cell) => WHO.slice(0, 2).map((who) => costLine(cell, who)))
  const between = (percent: number, max: number) =>
    WHO.slice(0, 2).map((who) => {
      const values = cells.map(({ costs }) => percentile(ms(costs[who]), percent))
      return judged(`${who}: largest p${percent} / smallest`, Math.max(...values) / Math.min(...values), {
        max,
      })
    })
  return [...shown, ...between(50, 2), ...between(99, 4)]
}

function ofHistory(cells: readonly Cell[]): Line[] {
  return cells
    .filter(({ costs }) => costs.busy.length > 0)
    .flatMap((cell) => {
      const [busy, walking, unknown] = (['busy', 'walking', 'fresh'] as const).map((who) =>
        percentile(ms(cell.costs[who]), 50),
      )
      const name = `${nameOf(cell)}: 20,000 earlier task runs`
      return [
        costLine(cell, 'busy'),
        judged(`${name} / fresh`, (busy ?? 0) / (unknown ?? 1), { max: 2 }),
        { name: `${name} / walking`, value: ((busy ?? 0) / (walking ?? 1)).toFixed(2) },
      ]
    })
}

/** Now and then a cursor goes back to the front: then all tasks answered before are passed once more. */
async function ofReset(client: PoolClient, cells: readonly Cell[]): Promise<Line[]> {
  const lines: Line[] = []
  for (const cell of cells) {
    const { id, busy } = cell.project
    if (busy === undefined) continue
    const costs: Cost[] = []
    await client.query('begin')
    await client.query(
      `update contributor_project set cur_reset = '-infinity' where contributor_id = ${busy} and project_id = ${id}`,
    )
    for (let found = false; !found;) {
      await client.query('savepoint one')
      const cost = await explainInside(client, newTaskQuery(id, busy))
      await client.query('rollback to one')
      const { rows } = await client.query<{ has_more: boolean }>(newTaskQuery(id, busy))
      costs.push(cost)
      found = rows[0]?.has_more !== true
    }
    await client.query('rollback')
    const all = costs.reduce((sum, cost) => sum + cost.ms, 0)
    const most = Math.max(...costs.map(({ buffers }) => buffers))
    lines.push(
      {
        name: `${nameOf(cell)}: from the front again, all calls`,
        value: `${costs.length} calls, ${all.toFixed(1)} ms`,
      },
      {
        ...judged(`${nameOf(cell)}: from the front again, buffers of a call`, most, { max: 1000 }),
        value: String(most),
      },
    )
  }
  return lines
}

async function explainInside(client: PoolClient, query: string): Promise<Cost> {
  const { rows } = await client.query<{ 'QUERY PLAN': [Explained] }>(
    `explain (analyze, buffers, timing off, format json) ${query}`,
  )
  const [plan] = rows[0]?.['QUERY PLAN'] ?? []
  if (!plan) throw new Error('EXPLAIN gave nothing')
  const { 'Shared Hit Blocks': hit, 'Shared Read Blocks': read } = plan.Plan
  return { ms: plan['Execution Time'], buffers: hit + read }
}

function ofBaseline(cells: readonly Cell[]): Line[] {
  return cells.flatMap((cell) =>
    BASELINES.flatMap((baseline) => {
      if (cell.costs[baseline].length === 0) return []
      const ours = cell.costs[cell.project.busy === undefined ? 'walking' : 'busy']
      const ratio = percentile(ms(cell.costs[baseline]), 50) / percentile(ms(ours), 50)
      const line = costLine(cell, baseline)
      return [{ name: line.name, value: `${line.value}, ${ratio.toFixed(1)} times newtask` }]
    }),
  )
}

function costLine(cell: Cell, who: Who | Baseline): Line {
  const costs = cell.costs[who]
  const [p50, p99] = [50, 99].map((percent) => percentile(ms(costs), percent).toFixed(2))
  const buffers = percentile(
    costs.map((cost) => cost.buffers),
    50,
  )
  return { name: `${nameOf(cell)}, ${who}`, value: `p50 ${p50} ms, p99 ${p99} ms, ${buffers} buffers` }
}

function nameOf({ phase, project }: Cell): string {
  return `${project.tasks.toLocaleString('en')} tasks, ${phase}`
}

function ms(costs: readonly Cost[]): number[] {
  return costs.map((cost) => cost.ms)
}
