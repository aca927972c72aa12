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
