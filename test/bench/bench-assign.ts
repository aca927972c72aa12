import { mkdirSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { costFigures } from './assign-cost.ts'
import { crowdFigure, fillCrowdProject } from './assign-crowd.ts'
import { fillTasks } from './assign-filling.ts'
import { SPEED_TASKS, hotProjectFigure, speedFigures } from './assign-speed.ts'
import { makeProjects, startBenchServers } from './bench-site.ts'
import type { BenchServers } from './bench-site.ts'
import { CONNECTIONS } from './load.ts'
import { findPgbench } from './pgbench.ts'
import { printLines } from './report.ts'
import type { Line } from './report.ts'

/**
 * `npm run bench:assign`: what assigning tasks costs, in seven figures with their limits. `-- --only 2,3` chooses
 * figures, `--quick` takes small sizes and few rounds, `--huge` adds a project of ten million tasks.
 */
const TITLES: Readonly<Record<number, string>> = {
  1: `1. Through the application, over ${CONNECTIONS} connections`,
  2: '2. newtask, by the size of the project',
  3: '3. newtask, by what the contributor has done before',
  4: '4. One hot project, against a thousand',
  5: '5. 200 simulated people who think for a second',
  6: '6. The cycle, against what its parts predict',
  7: '7. The baseline: one query that counts and reserves nothing',
}

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '1,2,3,4,5,6,7' },
    quick: { type: 'boolean', default: false },
    huge: { type: 'boolean', default: false },
    sizes: { type: 'string' },
    rounds: { type: 'string' },
    turns: { type: 'string' },
    samples: { type: 'string' },
    seconds: { type: 'string' },
  },
})
const only = new Set(flags.only.split(',').map(Number))
const numberOf = (flag: string | undefined, full: number, quick: number) =>
  flag === undefined ? (flags.quick ? quick : full) : Number(flag)
const sizes = (flags.sizes ?? (flags.quick ? '1000,10000,100000' : '1000,10000,100000,1000000'))
  .split(',')
  .map(Number)
if (flags.huge) sizes.push(10_000_000)
const speed = { rounds: numberOf(flags.rounds, 7, 2), turns: numberOf(flags.turns, 100, 20) }
const samples = numberOf(flags.samples, 500, 150)
const idealSeconds = numberOf(flags.seconds, 20, 15)

const servers = await startBenchServers()
// However it ends, nothing of it stays: neither servers nor data.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    process.exitCode = 130
    void servers.stop().finally(() => process.exit())
  })
try {
  await bench(servers)
} finally {
  await servers.stop()
}

async function bench({ database, socketFolder }: BenchServers): Promise<void> {
  const folder = join(tmpdir(), 'manyhands-bench-programs')
  mkdirSync(folder, { recursive: true })
  const pgbench = await findPgbench(folder, { socketFolder, database: DATABASE })
  if (!pgbench)
    console.log('pgbench is not here, so it is left out. Install it with: sudo apt-get install postgresql-15')
  const crowdNames = ['crowd-that-stays', 'crowd-of-which-some-leave']
  const speedNames = ['for-the-application', 'for-the-reference', 'for-pgbench']
  const projects = await makeProjects(servers, [...speedNames, ...crowdNames], (_app, _db, id) =>
    fillTasks(database, id, { tasks: 1 }),
  )
  const speedProjects = projects.slice(0, speedNames.length)
  const crowdProjects = projects.slice(speedNames.length)
  for (const { id } of speedProjects) await fillTasks(database, id, { tasks: SPEED_TASKS })
  for (const { id } of crowdProjects) await fillCrowdProject(database, id, idealSeconds)
  await database.query('vacuum analyze')
  console.log(`Set up; RATE_LIMIT=${servers.env['RATE_LIMIT'] ?? ''}`)

  const figures = new Map<number, Line[]>()
  const keep = (title: string, more: ReadonlyMap<number, Line[]>) => {
    for (const [figure, lines] of more) figures.set(figure, [...(figures.get(figure) ?? []), ...lines])
    console.log(`Measured ${title}, ${(performance.now() / 1000).toFixed(0)} s from the start`)
  }
  if (wants(1, 6)) keep('1 and 6', await speedFigures(servers, speedProjects, pgbench, speed))
  if (wants(4)) keep('4', new Map([[4, await hotProjectFigure(database, pgbench, speed)]]))
  if (wants(5, 7)) keep('5', await crowdFigure(servers, crowdProjects, { idealSeconds }))
  if (wants(2, 3, 7)) keep('2, 3 and 7', await costFigures(database, { sizes, samples, only }))
  print(figures)
}

function wants(...some: number[]): boolean {
  return some.some((figure) => only.has(figure))
}

function print(figures: ReadonlyMap<number, Line[]>): void {
  const [load = 0] = loadavg()
  console.log(
    `\nRATE_LIMIT=${servers.env['RATE_LIMIT'] ?? ''}, ${cpus().length} processors, load ${load.toFixed(1)}, ` +
      `${speed.rounds} rounds of ${speed.turns} × ${CONNECTIONS}, ${samples} samples; median (lowest to highest)`,
  )
  for (const [figure, lines] of [...figures].sort(([a], [b]) => a - b))
    if (only.has(figure)) printLines(TITLES[figure] ?? '', lines)
  const judgedLines = [...figures].flatMap(([figure, lines]) => (only.has(figure) ? lines : []))
  const missed = judgedLines.filter(({ holds }) => holds === false)
  console.log(`\n${judgedLines.filter(({ holds }) => holds).length} limits hold, ${missed.length} are missed`)
}
