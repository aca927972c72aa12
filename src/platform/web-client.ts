import http from 'node:http'
import https from 'node:https'
import { useAgent } from 'request-filtering-agent'
import { AppError, ForbiddenError } from '../lib/errors.ts'

/** What another site said to a request. */
export interface WebReply {
  status: number
  /** The beginning of its body. */
  text: string
}

/** Something that another site gave. */
export interface WebFile {
  /** Its media type in small letters, without parameters; empty when the site does not say. */
  type: string
  /** What its address, or the site, calls it. */
  name: string
  /** Throws UnreachableError when it breaks off, AppError too-large above the limit. */
  content: AsyncIterable<Uint8Array>
}

/** Nobody could be reached at an address that somebody gave us, or it may not be. The message may be shown. */
export class UnreachableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnreachableError'
  }
}

/** Requests to addresses that people gave us: never to private networks and never for long. */
export interface WebClient {
  /** Redirects are not followed. @throws UnreachableError */
  post(url: string, body: string, headers: Record<string, string>): Promise<WebReply>
  /**
   * Fetches a file. Up to five redirects are followed, each under the same rules.
   *
   * @throws UnreachableError when trying again may help; AppError when it will not.
   */
  get(url: string, limits: WebLimits): Promise<WebFile>
}

export interface WebLimits {
  bytesMax: number
  /** Of the whole file, in milliseconds. */
  timeMs: number
  /** What is wanted, as an Accept header has it. */
  accept: string
  /** Nobody waits for it any more. */
  signal?: AbortSignal
}

const TIME_MS = 10_000
const REPLY_BYTES_MAX = 64 * 1024
const REDIRECTS_MAX = 5
const MEGABYTE = 1024 * 1024

/** @param privateAddresses that may be reached all the same: addresses or networks such as 10.1.0.0/16. */
export function createWebClient(privateAddresses: readonly string[]): WebClient {
  return {
    async post(url, body, headers) {
      try {
        const length = { 'Content-Length': Buffer.byteLength(body) }
        const signal = AbortSignal.timeout(TIME_MS)
        const options = { method: 'POST', headers: { ...headers, ...length }, signal }
        const response = await ask(new URL(url), options, privateAddresses, body)
        return { status: response.statusCode ?? 0, text: await beginningOf(response) }
      } catch (error) {
        throw new UnreachableError(reasonOf(error, TIME_MS), { cause: error })
      }
    },
    async get(url, limits) {
      const inTime = AbortSignal.timeout(limits.timeMs)
      const signal = limits.signal ? AbortSignal.any([inTime, limits.signal]) : inTime
      const options = { headers: { Accept: limits.accept, 'User-Agent': 'Manyhands' }, signal }
      const { response, at } = await orUnreachable(limits, () =>
        follow(new URL(url), options, privateAddresses),
      )
      refuseStatus(response)
      refuseLength(Number(response.headers['content-length'] ?? 0), limits)
      const [type = ''] = (response.headers['content-type'] ?? '').toLowerCase().split(';')
      return { type: type.trim(), name: nameOf(response, at), content: contentOf(response, limits) }
    },
  }
}

async function ask(
  url: URL,
  options: https.RequestOptions,
  privateAddresses: readonly string[],
  body?: string,
): Promise<http.IncomingMessage> {
  const agent = useAgent(url.href, { allowIPAddressList: [...privateAddresses] })
  const request = (url.protocol === 'https:' ? https : http).request(url, { ...options, agent })
  return new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.once('error', reject)
    request.end(body)
  })
}

async function follow(
  url: URL,
  options: https.RequestOptions,
  privateAddresses: readonly string[],
): Promise<{ response: http.IncomingMessage; at: URL }> {
  let at = url
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
    const response = await ask(at, options, privateAddresses)
    const { location } = response.headers
    if (![301, 302, 303, 307, 308].includes(response.statusCode ?? 0) || location === undefined)
      return { response, at }
    response.destroy()
    if (!URL.canParse(location, at.href)) throw refused('It leads on to something that is no address.')
    at = new URL(location, at)
    if (!/^https?:$/.test(at.protocol)) throw refused(`It leads on to ${at.protocol}, which is not followed.`)
  }
  throw refused('It leads on and on to other addresses.')
}

function refuseStatus(response: http.IncomingMessage): void {
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return
  response.destroy()
  if (status >= 500 || status === 429 || status === 408)
    throw new UnreachableError(`The other site is in trouble (it said ${status}).`)
  if (status === 401 || status === 403)
    throw new ForbiddenError(
      'The other site does not let everybody read this. Share it with everybody who has the link.',
    )
  if (status === 404 || status === 410) throw refused('There is nothing at this address.')
  throw refused(`The other site did not give the file (it said ${status}).`)
}

async function* contentOf(
  response: http.IncomingMessage,
  limits: WebLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      bytes += chunk.length
      refuseLength(bytes, limits)
      yield chunk
    }
  } catch (error) {
    throw error instanceof AppError ? error : unreachable(error, limits)
  } finally {
    response.destroy()
  }
}

function refuseLength(bytes: number, { bytesMax }: WebLimits): void {
  if (bytes <= bytesMax) return
  throw new AppError(
    'too-large',
    `The file at this address has more than ${Math.floor(bytesMax / MEGABYTE)} MB.`,
  )
}

function nameOf({ headers }: http.IncomingMessage, at: URL): string {
  const [, given] = /filename="?([^";]+)"?/i.exec(headers['content-disposition'] ?? '') ?? []
  const last = at.pathname.split('/').at(-1) ?? ''
  return given ?? (last === '' ? at.hostname : last)
}

function refused(message: string): AppError {
  return new AppError('invalid', message)
}

async function orUnreachable<T>(limits: WebLimits, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof AppError ? error : unreachable(error, limits)
  }
}

function unreachable(error: unknown, { timeMs }: WebLimits): AppError | UnreachableError {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOTFOUND') return refused('There is no site of this name.')
  if (isForbiddenAddress(error))
    return refused('This address leads into a private network, which is not allowed.')
  return new UnreachableError(reasonOf(error, timeMs), { cause: error })
}

/** Whether a request failed because its address leads into a private network. */
export function isForbiddenAddress(error: unknown): boolean {
  return error instanceof Error && /is not allowed\. Because/.test(error.message)
}

async function beginningOf(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= REPLY_BYTES_MAX) break
  }
  return Buffer.concat(chunks).subarray(0, REPLY_BYTES_MAX).toString('utf8')
}

function reasonOf(error: unknown, timeMs: number): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return `It did not answer within ${timeMs / 1000} seconds.`
  // A host with several addresses gives an error without a message for all of them.
  return error instanceof AggregateError
    ? error.errors.map((one) => reasonOf(one, timeMs)).join('; ')
    : error.message
}
