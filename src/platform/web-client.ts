import http from 'node:http'
import https from 'node:https'
import { useAgent } from 'request-filtering-agent'

/** What another site said to a request. */
export interface WebReply {
  status: number
  /** The beginning of its body. */
  text: string
}

/** Nobody could be reached at an address that somebody gave us, or it may not be. The message may be shown. */
class UnreachableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnreachableError'
  }
}

/** Requests to addresses that people gave us: never to private networks, never for long, and redirects are not followed. */
export interface WebClient {
  /** @throws UnreachableError */
  post(url: string, body: string, headers: Record<string, string>): Promise<WebReply>
}

const TIME_MS = 10_000
const REPLY_BYTES_MAX = 64 * 1024

/** @param privateAddresses that may be reached all the same: addresses or networks such as 10.1.0.0/16. */
export function createWebClient(privateAddresses: readonly string[]): WebClient {
  return {
    async post(url, body, headers) {
      try {
        return await send(new URL(url), body, headers, privateAddresses)
      } catch (error) {
        throw new UnreachableError(reasonOf(error), { cause: error })
      }
    },
  }
}

async function send(
  url: URL,
  body: string,
  headers: Record<string, string>,
  privateAddresses: readonly string[],
): Promise<WebReply> {
  const request = (url.protocol === 'https:' ? https : http).request(url, {
    method: 'POST',
    headers: { ...headers, 'Content-Length': Buffer.byteLength(body) },
    agent: useAgent(url.href, { allowIPAddressList: [...privateAddresses] }),
    signal: AbortSignal.timeout(TIME_MS),
  })
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.once('error', reject)
    request.end(body)
  })
  return { status: response.statusCode ?? 0, text: await beginningOf(response) }
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

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return `It did not answer within ${TIME_MS / 1000} seconds.`
  // A host with several addresses gives an error without a message for all of them.
  return error instanceof AggregateError ? error.errors.map(reasonOf).join('; ') : error.message
}
