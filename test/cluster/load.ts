import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { answer, nextTask, openCrowdProject } from './crowd-project.ts'
import { Visitor } from './visit.ts'

/**
 * A steady load on a site on hosts, by people who write answers and people who read, until the file "stop" is there. Each
 * request becomes a line of "load.jsonl" in the folder: what it was, when it was sent and ended, and whether the site
 * said yes. An answer to which the site said nothing is sent again until it says yes, as a browser does.
 */
const { values: flags } = parseArgs({
  options: {
    address: { type: 'string', default: '' },
    domain: { type: 'string', default: '' },
    folder: { type: 'string', default: '' },
  },
})
const WRITERS = 3
const READERS = 3
/** Each of them takes thirty answers. */
const TASKS = 20_000
const PAUSE_MS = 100
/** A visitor who hears nothing for so long tries again. */
const PATIENCE_MS = 2_000

const { address, domain, folder } = flags
const authority = readFileSync(`${folder}/authority.crt`, 'utf8')
const isOver = () => existsSync(`${folder}/stop`)

const project = await openCrowdProject(visitor(60_000), randomUUID().slice(0, 8), TASKS)
console.log(`Load on project ${project.id}`)
await Promise.all([
  ...Array.from({ length: WRITERS }, write),
  ...Array.from({ length: READERS }, () => repeat('read', readOnce)),
])

function visitor(patienceMs = PATIENCE_MS): Visitor {
  return new Visitor({ address, domain, authority, patienceMs })
}

async function write(): Promise<void> {
  while (!isOver()) {
    const mark = randomUUID()
    const taskId = await repeatUntilYes('task', mark, () => nextTask(visitor(), project, mark))
    if (taskId === undefined) continue
    await repeatUntilYes('write', mark, () => answer(visitor(), project, { person: mark, taskId, mark }))
    await sleep(PAUSE_MS)
  }
}

async function readOnce(): Promise<void> {
  await visitor().get(
    `/api/task?project_id=${project.id}&limit=1&offset=${Math.floor(Math.random() * TASKS)}`,
  )
}

async function repeat(kind: string, work: () => Promise<unknown>): Promise<void> {
  while (!isOver()) {
    await noted(kind, randomUUID(), work)
    await sleep(PAUSE_MS)
  }
}

async function repeatUntilYes<T>(kind: string, mark: string, work: () => Promise<T>): Promise<T | undefined> {
  for (;;) {
    const outcome = await noted(kind, mark, work)
    if (outcome.isYes) return outcome.value
    // Who asked in the last moment of a primary may have been forgotten with it, and takes another task.
    if (isOver() || outcome.isRefused) return undefined
    await sleep(PAUSE_MS)
  }
}

async function noted<T>(
  kind: string,
  mark: string,
  work: () => Promise<T>,
): Promise<{ isYes: true; value: T } | { isYes: false; isRefused: boolean }> {
  const sent = Date.now()
  const line = (isYes: boolean, why?: string) => {
    const entry = { kind, mark, sent, ended: Date.now(), isYes, why }
    appendFileSync(`${folder}/load.jsonl`, `${JSON.stringify(entry)}\n`)
  }
  try {
    const value = await work()
    line(true)
    return { isYes: true, value }
  } catch (error) {
    line(false, error instanceof Error ? error.message.slice(0, 200) : String(error))
    return { isYes: false, isRefused: error instanceof Error && error.message.includes(' answered with 403') }
  }
}
