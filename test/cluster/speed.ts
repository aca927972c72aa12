import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { answer, nextTask, openCrowdProject } from './crowd-project.ts'
import { Visitor } from './visit.ts'

/**
 * Many people who answer without thinking, each over a connection of their own, and how fast the site takes it: prints
 * answers per second and, of the request that each answer is, the median and the 99th percentile.
 *
 *   node test/cluster/speed.ts ADDRESS DOMAIN AUTHORITY-FILE
 */
const [address = '', domain = '', authorityFile = ''] = process.argv.slice(2)
const authority = readFileSync(authorityFile, 'utf8')
const PEOPLE = 16
const TASKS = 3_000
const WARM_MS = 5_000
const MEASURED_MS = 30_000

const visitor = () => new Visitor({ address, domain, authority })
const project = await openCrowdProject(visitor(), randomUUID().slice(0, 8), TASKS)
const begin = performance.now() + WARM_MS
const end = begin + MEASURED_MS
const times: number[] = []
await Promise.all(Array.from({ length: PEOPLE }, work))
times.sort((a, b) => a - b)
const at = (part: number) => (times[Math.floor(times.length * part)] ?? Number.NaN).toFixed(0)
console.log(
  `${((times.length * 1000) / MEASURED_MS).toFixed(0)} answers a second, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
)

async function work(): Promise<void> {
  const person = randomUUID()
  const somebody = visitor()
  while (performance.now() < end) {
    const taskId = await nextTask(somebody, project, person)
    if (taskId === undefined) return
    const sent = performance.now()
    await answer(somebody, project, { person, taskId, mark: randomUUID() })
    const ended = performance.now()
    if (ended >= begin && ended < end) times.push(ended - sent)
  }
}
