import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openProject } from './owner.ts'
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
const TASKS = 1_000
const PAUSE_MS = 100
/** A visitor who hears nothing for so long tries again. */
const PATIENCE_MS = 2_000

const { address, domain, folder } = flags
const authority = readFileSync(`${folder}/authority.crt`, 'utf8')
const isOver = () => existsSync(`${folder}/stop`)

const { projectId, key, token } = await makeProject()
console.log(`Load on project ${projectId}`)
await Promise.all([
  ...Array.from({ length: WRITERS }, write),
  ...Array.from({ length: READERS }, () => repeat('read', readOnce)),
])

async function makeProject(): Promise<{ projectId: number; key: string; token: string }> {
  const owner = new Visitor({ address, domain, authority })
  const tag = randomUUID().slice(0, 8)
  const { key: made, projectId: id } = await openProject(owner, tag)
  const rows = Array.from({ length: TASKS }, (_, n) => `${n}.jpg`).join('\n')
  const drafted = await owner.sendParts(`/project/birds${tag}/tasks/import`, { text: `picture\n${rows}\n` })
  await owner.send(String(drafted.headers['location']), {})
  // Many people answer, whom another site speaks for.
  const shown = await owner.get(`/api/project/${id}?api_key=${made}`)
  const { secret_key: secret } = JSON.parse(shown.body) as { secret_key: string }
  const bought = await owner.get(`/api/auth/project/birds${tag}/token`, { Authorization: secret })
  for (let tries = 0; tries < 120; tries += 1) {
    const tasks = await owner.get(`/api/task?project_id=${id}&limit=1&offset=${TASKS - 1}&api_key=${made}`)
    if ((JSON.parse(tasks.body) as unknown[]).length === 1)
      return { projectId: id, key: made, token: bought.body }
    await sleep(1_000)
  }
  throw new Error('The tasks were not imported within two minutes')
}

function visitor(): Visitor {
  return new Visitor({ address, domain, authority, patienceMs: PATIENCE_MS })
}

async function write(): Promise<void> {
  while (!isOver()) {
    const mark = randomUUID()
    const taskId = await repeatUntilYes('task', mark, async () => {
      const path = `/api/project/${projectId}/newtask?external_uid=${mark}&api_key=${key}`
      return (
        JSON.parse((await visitor().get(path, { Authorization: `Bearer ${token}` })).body) as { id?: number }
      ).id
    })
    if (taskId === undefined) continue
    const run = { project_id: projectId, task_id: taskId, info: mark, external_uid: mark }
    await repeatUntilYes('write', mark, () =>
      visitor().post(`/api/taskrun?external_uid=${mark}&api_key=${key}`, run, {
        Authorization: `Bearer ${token}`,
        'Idempotency-Key': mark,
      }),
    )
    await sleep(PAUSE_MS)
  }
}

async function readOnce(): Promise<void> {
  await visitor().get(`/api/task?project_id=${projectId}&limit=1&offset=${Math.floor(Math.random() * TASKS)}`)
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
