import { randomUUID } from 'node:crypto'
import type { BuiltProject } from './builders.ts'

/** People who ask without pause. */
export interface SteadyLoad {
  /** How many requests were answered until now, by method. */
  answered(method?: string): number
  /**
   * Ends it.
   *
   * @returns statuses from 500 on and connections that broke, each with how often; a GET was asked once more before.
   */
  stop(): Promise<ReadonlyMap<string, number>>
}

/** Asks for something and waits; the body of the answer, or undefined when there was none worth the name. */
export type Ask = (path: string, init?: RequestInit) => Promise<string | undefined>

/**
 * So many people who do one thing after the other, without pause.
 *
 * @param turn what somebody does, again and again.
 */
export function startLoad(url: string, people: number, turn: (ask: Ask) => Promise<unknown>): SteadyLoad {
  const failures = new Map<string, number>()
  const answered = new Map<string, number>()
  let isOver = false

  async function askOnce(path: string, init: RequestInit): Promise<{ text: string } | { failure: string }> {
    try {
      const response = await fetch(`${url}${path}`, { redirect: 'manual', ...init })
      const text = await response.text()
      return response.status < 500 ? { text } : { failure: `${response.status} ${text.slice(0, 80)}` }
    } catch (error) {
      return {
        failure: error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error),
      }
    }
  }

  const count = (counts: Map<string, number>, what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)

  async function ask(path: string, init: RequestInit = {}): Promise<string | undefined> {
    const method = init.method ?? 'GET'
    let outcome = await askOnce(path, init)
    if ('failure' in outcome && method === 'GET') outcome = await askOnce(path, init)
    if ('text' in outcome) count(answered, method)
    else count(failures, `${method} ${path.split('?')[0]}: ${outcome.failure}`)
    return 'text' in outcome ? outcome.text : undefined
  }

  async function person(): Promise<void> {
    while (!isOver) await turn(ask)
  }

  const all = Promise.all(Array.from({ length: people }, person))
  return {
    answered: (method) =>
      method === undefined ? [...answered.values()].reduce((a, b) => a + b, 0) : (answered.get(method) ?? 0),
    async stop() {
      isOver = true
      await all
      return failures
    },
  }
}

/** Somebody new takes a task and sends his task run. */
export function contributing({ id }: BuiltProject, token: string): (ask: Ask) => Promise<void> {
  return async (ask) => {
    const uid = randomUUID()
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const given = await ask(`/api/project/${id}/newtask?external_uid=${uid}`, { headers })
    const task = JSON.parse(given ?? '{}') as { id?: number }
    if (task.id === undefined) throw new Error(`No task to contribute to: ${given}`)
    const body = JSON.stringify({ project_id: id, task_id: task.id, info: 'Yes', external_uid: uid })
    await ask(`/api/taskrun?external_uid=${uid}`, { method: 'POST', headers, body })
  }
}
