import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext } from 'node:tls'
import { Client, Pool } from 'undici'
import type { Dispatcher } from 'undici'
import { z } from 'zod'
import { BROWSER, nextPage } from '../bench/crowd-of-people.ts'
import type { VisitedSite } from './visit.ts'

/** Between two pages of somebody who looks around. */
const THINK_SECONDS = 3.4
/** Between two tasks of somebody who answers. */
const TURN_SECONDS = 10
const TICK_MS = 5
/** Whoever hears nothing for so long asks again. */
const PATIENCE_MS = 10_000
/** The first pause before something is sent again, and the longest: they double, as on the contribute page. */
const PAUSE_MS = { first: 1_000, longest: 60_000 }
const GIVE_UP_MS = 120_000

/** A project for the people of another site, who come with its token. */
export interface RushProject {
  readonly id: number
  readonly shortName: string
  readonly token: string
}

/** A task that somebody was given and answered; moments are performance.now's. */
export interface Contribution {
  readonly mark: number
  readonly due: number
  readonly ended: number
  /** Until the task came, and until the task run was acknowledged, with all that was sent again. */
  readonly newtaskMs: number
  readonly submitMs: number
}

/** What a task run says, to be found again in the database and in exports. */
const markText = (mark: number) => `answer ${mark}.`
export const MARK = /answer (\d+)\./g

/** What went wrong, with how often. */
export type Troubles = Map<string, number>

/** Notes a trouble, whose first word says whose it is. */
export function note(troubles: Troubles, what: string): void {
  troubles.set(what, (troubles.get(what) ?? 0) + 1)
}

const GivenTask = z.object({ id: z.number() })
interface Asked {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}
type Begin = (due: number) => Promise<unknown>

/**
 * Begins something so many times a second, by the clock: nothing waits for what was begun before.
 *
 * @returns how often it was begun, when all of it has ended.
 */
export async function atRate(perSecond: number, signal: AbortSignal, begin: Begin): Promise<number> {
  const from = performance.now()
  const open = new Set<Promise<unknown>>()
  let begun = 0
  while (!signal.aborted) {
    for (; begun < ((performance.now() - from) / 1_000) * perSecond; begun += 1) {
      const one = begin(from + (begun / perSecond) * 1_000).finally(() => open.delete(one))
      open.add(one)
    }
    await sleep(TICK_MS)
  }
  await Promise.all(open)
  return begun
}

/** Lets somebody who is free take a task and answer it, and adds that to `made`. */
export function contributing(
  site: VisitedSite,
  project: RushProject,
  { rate, made, troubles }: { rate: number; made: Contribution[]; troubles: Troubles },
): Begin {
  const pool = new Pool(`https://${site.address}`, connecting(site))
  const authorization = `Bearer ${project.token}`
  const free = Array.from({ length: Math.ceil(rate * TURN_SECONDS) }, (_, n) => `person-${n}`)
  let begun = 0

  /** Asks until there is a reply that holds. @throws Error when it is a refusal. */
  async function insist(asked: Asked): Promise<string> {
    const from = performance.now()
    const headers = { host: site.domain, accept: 'application/json', authorization, ...asked.headers }
    for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS.longest)) {
      const { status, text } = await ask(pool, { ...asked, headers })
      if (status === 200) return text
      const what = `${asked.method} ${asked.path.replace(/[?].*/, '')}: ${status} ${text.slice(0, 100)}`
      if (!mayWorkLater(status) || performance.now() - from > GIVE_UP_MS) throw new Error(what)
      note(troubles, `again ${what}`)
      await sleep(pauseMs * (0.75 + Math.random() / 2))
    }
  }

  async function contribute(due: number, mark: number, uid: string): Promise<Contribution> {
    const path = `/api/project/${project.id}/newtask?external_uid=${uid}`
    const given = GivenTask.parse(JSON.parse(await insist({ method: 'GET', path })))
    const came = performance.now()
    const run = { project_id: project.id, task_id: given.id, info: markText(mark), external_uid: uid }
    await insist({
      ...{ method: 'POST', path: `/api/taskrun?external_uid=${uid}`, body: JSON.stringify(run) },
      headers: { 'content-type': 'application/json', 'idempotency-key': `rush-${mark}` },
    })
    const ended = performance.now()
    return { mark, due, ended, newtaskMs: came - due, submitMs: ended - came }
  }

  return async (due) => {
    const mark = (begun += 1)
    const uid = free.shift() ?? `late-${mark}`
    await contribute(due, mark, uid).then(
      (one) => made.push(one),
      (error: unknown) => {
        note(troubles, `failed ${String(error)}`)
      },
    )
    free.push(uid)
  }
}

/** People with a connection each who look around until the signal comes. @returns how many pages they asked for. */
export async function lookAround(
  site: VisitedSite,
  shortName: string,
  { people, signal, troubles }: { people: number; signal: AbortSignal; troubles: Troubles },
): Promise<number> {
  const options = connecting(site)
  const clients = Array.from({ length: people }, () => new Client(`https://${site.address}`, options))
  const headers = { ...BROWSER, host: site.domain }
  return atRate(people / THINK_SECONDS, signal, async () => {
    const [client] = clients.splice(0, 1)
    if (!client) return
    clients.push(client)
    const path = nextPage(shortName)
    const { status } = await ask(client, { method: 'GET', path, headers })
    if (status !== 200) note(troubles, `page ${path}: ${status}`)
  })
}

function connecting({ authority, domain }: VisitedSite) {
  return {
    // One stalled connection would hold up everybody who shares it.
    allowH2: false,
    // One for all: to make it takes longer than to agree on keys.
    connect: {
      secureContext: createSecureContext({ ca: authority }),
      ...{ servername: domain, timeout: PATIENCE_MS },
    },
    ...{ headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS, keepAliveTimeout: 60_000 },
  }
}

/** @returns status 0 and the trouble when there was no reply. */
async function ask(dispatcher: Dispatcher, asked: Asked): Promise<{ status: number; text: string }> {
  try {
    const { statusCode, body } = await dispatcher.request(asked)
    return { status: statusCode, text: await body.text() }
  } catch (error) {
    return { status: 0, text: error instanceof Error ? error.message : String(error) }
  }
}

function mayWorkLater(status: number): boolean {
  return status === 0 || status === 408 || status === 425 || status === 429 || status >= 500
}
