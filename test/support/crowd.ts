import assert from 'node:assert/strict'
import { Agent, request as ask } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { json } from 'node:stream/consumers'
import { randomUUID } from 'node:crypto'
import type { BuiltProject } from './builders.ts'
import type { History, MicroOperation } from './history.ts'

/** An answer that somebody gave, and what they know of it. */
export interface GivenAnswer {
  readonly taskId: number
  readonly uid: string
  /** The answer's own number in the history, and in its info. */
  readonly number: number
}

export interface Crowd {
  /** By the id of their task run. */
  readonly acknowledged: Map<number, GivenAnswer>
  /** Their givers went away without a reply: nobody knows whether they were stored. */
  readonly unknown: GivenAnswer[]
  /** Refused for want of a request: a request may get lost when the database crashes. */
  readonly refused: GivenAnswer[]
  /** Requests without a reply, and replies that say that the site cannot answer now, by status. */
  readonly unanswered: { broken: number; statuses: Map<number, number> }
  /** So many people ask and answer at once until nothing is left for them. */
  answerAll(people: number): Promise<void>
  /** Sends home whoever is still there, as after a failure. */
  end(): void
}

interface Reply {
  status: number
  body: Record<string, unknown>
}

/** One in so many people goes away when a reply to their answer does not come, and somebody else comes. */
const IMPATIENT = 50
const PATIENCE_MS = 10_000
/** More than any outage of a drill takes. */
const ATTEMPTS_MAX = 200

/** People of another site who answer one project at an address, with an idempotency key for each answer. */
export function crowdOf(url: string, project: BuiltProject, token: string, history: History): Crowd {
  const agent = new Agent({ keepAlive: true })
  const acknowledged = new Map<number, GivenAnswer>()
  const unknown: GivenAnswer[] = []
  const refused: GivenAnswer[] = []
  const unanswered = { broken: 0, statuses: new Map<number, number>() }
  let hasEnded = false
  let seen = 0
  let given = 0

  /** A definite reply, or undefined when the outcome is not known. */
  async function once(path: string, body?: object, key = ''): Promise<Reply | undefined> {
    const headers = {
      Authorization: `Bearer ${token}`,
      ...(body ? { 'Content-Type': 'application/json', 'Idempotency-Key': key } : {}),
    }
    try {
      const message = await new Promise<IncomingMessage>((resolve, reject) => {
        const signal = AbortSignal.timeout(PATIENCE_MS)
        ask(url + path, { agent, headers, signal, method: body ? 'POST' : 'GET' }, resolve)
          .on('error', reject)
          .end(body && JSON.stringify(body))
      })
      const reply = { status: message.statusCode ?? 0, body: (await json(message)) as Reply['body'] }
      if (reply.status < 500) return reply
      unanswered.statuses.set(reply.status, (unanswered.statuses.get(reply.status) ?? 0) + 1)
    } catch {
      unanswered.broken += 1
    }
    return undefined
  }

  /** Asks until there is a reply, as browsers and scripts do. */
  async function patiently(path: string, body?: object, key?: string, mayLeave = false) {
    for (let attempt = 0; ; attempt += 1) {
      const reply = await once(path, body, key)
      if (reply) return reply
      if (hasEnded) throw new Error('The drill is over')
      if (attempt === ATTEMPTS_MAX) throw new Error(`${path}: no answer, however often it was asked`)
      if (mayLeave && Math.random() < 1 / IMPATIENT) return undefined
      await sleep(Math.min(400, 5 * 2 ** attempt))
    }
  }

  async function newTask(uid: string): Promise<number | undefined> {
    const reply = await patiently(`/api/project/${project.id}/newtask?external_uid=${uid}`)
    assert.equal(reply?.status, 200, JSON.stringify(reply))
    return reply.body['id'] as number | undefined
  }

  /** @returns false when they go away without having got a reply. */
  async function person(): Promise<boolean> {
    const process = (seen += 1)
    const uid = `p${process}`
    const takesNext = process % 2 === 0
    let taskId = await newTask(uid)
    while (taskId !== undefined) {
      const answer = { taskId, uid, number: (given += 1) }
      const value: MicroOperation[] = [['append', taskId, answer.number]]
      history.add(process, 'invoke', value)
      const path = `/api/taskrun?external_uid=${uid}${takesNext ? '&next=1' : ''}`
      const info = { by: uid, number: answer.number }
      const body = { project_id: project.id, task_id: taskId, external_uid: uid, info }
      const reply = await patiently(path, body, randomUUID(), true)
      if (!reply) {
        history.add(process, 'info', value)
        unknown.push(answer)
        return false
      }
      if (isNotRequested(reply)) {
        history.add(process, 'fail', value)
        refused.push(answer)
      } else {
        assert.equal(reply.status, 200, JSON.stringify(reply))
        history.add(process, 'ok', value)
        acknowledged.set(reply.body['id'] as number, answer)
      }
      const next = reply.body['next'] as { id?: number } | undefined
      taskId = next ? next.id : await newTask(uid)
    }
    return true
  }

  return {
    acknowledged,
    unknown,
    refused,
    unanswered,
    async answerAll(people) {
      const place = async () => {
        while (!(await person()));
      }
      await Promise.all(Array.from({ length: people }, place))
    },
    end() {
      hasEnded = true
      agent.destroy()
    },
  }
}

function isNotRequested({ status, body }: Reply): boolean {
  return status === 403 && body['exception_msg'] === 'You must request a task first!'
}
