import { randomUUID } from 'node:crypto'
import type { TestUser } from './app.ts'

/** How somebody makes known what he wrote. */
export const MARKS = ['cookie', 'header', 'key'] as const
export type Mark = (typeof MARKS)[number]

/** What an owner writes, and then reads again. */
export interface OwnWrites {
  readonly owner: TestUser
  readonly projectId: number
  /** Each request goes to one of them by chance. */
  readonly urls: readonly string[]
}

/**
 * Adds a task and asks for it at once, from another process perhaps.
 *
 * @returns whether it was there.
 */
export async function writeAndRead(
  { owner, projectId, urls }: OwnWrites,
  mark: Mark,
  session: string,
): Promise<boolean> {
  const anyUrl = () => urls[Math.floor(Math.random() * urls.length)] ?? ''
  const known: Record<string, string> =
    mark === 'cookie' ? { cookie: session } : { authorization: owner.apiKey }
  const written = await fetch(`${anyUrl()}/api/task`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...known },
    body: JSON.stringify({ project_id: projectId, info: { question: 'A bird?' } }),
  })
  if (!written.ok) throw new Error(`Not written: ${written.status} ${await written.text()}`)
  const { id } = (await written.json()) as { id: number }
  const read = await fetch(`${anyUrl()}/api/task/${id}`, { headers: marked(written, mark, known) })
  await read.text()
  if (read.status !== 200 && read.status !== 404) throw new Error(`Not read: ${read.status}`)
  return read.status === 200
}

/** Somebody whom another site speaks for, and what they contributed. */
export interface ExternalRun {
  readonly uid: string
  readonly id: number
  /** Their progress told of it at once. */
  readonly isCounted: boolean
}

/** Contributes as such a person, named in the body alone, and asks how much they have done. */
export async function contributeExternally(
  { projectId, urls }: OwnWrites,
  token: string,
): Promise<ExternalRun> {
  const uid = randomUUID()
  const ask = asking(urls, `Bearer ${token}`)
  const task = (await ask(`project/${projectId}/newtask?external_uid=${uid}`)) as { id: number }
  const run = { project_id: projectId, task_id: task.id, info: 'Yes', external_uid: uid }
  const { id } = (await ask('taskrun', 'POST', run)) as { id: number }
  const progress = await ask(`project/${projectId}/userprogress?external_uid=${uid}`)
  return { uid, id, isCounted: (progress as { done: number }).done === 1 }
}

/** The owner changes that task run, and looks for it under the other person's name: whether the change is there. */
export async function changeAndRead(
  { owner, projectId, urls }: OwnWrites,
  { uid, id }: ExternalRun,
): Promise<boolean> {
  const ask = asking(urls, owner.apiKey)
  await ask(`taskrun/${id}`, 'PUT', { info: 'No' })
  const [found] = (await ask(`taskrun?project_id=${projectId}&external_uid=${uid}`)) as { info: unknown }[]
  return found?.info === 'No'
}

function asking(urls: readonly string[], authorization: string) {
  return async (path: string, method = 'GET', body?: object): Promise<unknown> => {
    const url = `${urls[Math.floor(Math.random() * urls.length)] ?? ''}/api/${path}`
    const headers = { authorization, 'content-type': 'application/json' }
    const response = await fetch(url, { method, headers, body: body ? JSON.stringify(body) : null })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as unknown
  }
}

/**
 * Adds two tasks in one browser, whose answers may come in any order: it keeps the cookie of the earlier one.
 *
 * @returns whether the later one is there.
 */
export async function writeTwiceAndRead({ projectId, urls }: OwnWrites, session: string): Promise<boolean> {
  const add = (url = '') =>
    fetch(`${url}/api/task`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: session },
      body: JSON.stringify({ project_id: projectId, info: { question: 'A bird?' } }),
    })
  const earlier = await add(urls[0])
  const { id } = (await (await add(urls[1])).json()) as { id: number }
  const read = await fetch(`${urls[0] ?? ''}/api/task/${id}`, {
    headers: marked(earlier, 'cookie', { cookie: session }),
  })
  await read.text()
  if (read.status !== 200 && read.status !== 404) throw new Error(`Not read: ${read.status}`)
  return read.status === 200
}

/** What the caller sends with the next request, so that it sees this one's effect. */
function marked({ headers }: Response, mark: Mark, known: Record<string, string>): Record<string, string> {
  if (mark === 'key') return known
  if (mark === 'header') return { 'x-consistency-token': headers.get('x-consistency-token') ?? '' }
  const position = headers.getSetCookie().find((cookie) => cookie.startsWith('position='))
  return { cookie: `${known['cookie'] ?? ''}; ${position?.split(';')[0] ?? ''}` }
}

/** The session cookie of somebody who signs in. */
export async function sessionOf(
  url: string,
  { email, password }: { email: string; password: string },
): Promise<string> {
  const response = await fetch(`${url}/account/signin`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ email, password }).toString(),
  })
  const cookies = response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0] ?? '')
    // Each later answer brings another one, which takes its place.
    .filter((cookie) => !cookie.startsWith('position='))
  if (cookies.length === 0) throw new Error(`Nobody was signed in: ${response.status}`)
  return cookies.join('; ')
}
