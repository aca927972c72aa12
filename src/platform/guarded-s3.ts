import { addAbortSignal, Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } from 'request-filtering-agent'

/** What holds for a store that a person named: it may be hostile. */
export interface S3Guard {
  /** The private addresses or networks that it may lead to; no others. */
  readonly privateAddresses: readonly string[]
  /** Ends everything. */
  readonly signal: AbortSignal
  /** Each request's, with its reply, in milliseconds. */
  readonly requestMs: number
}

/** A store that replies with more than any reply to what is asked of it can have. */
export class EndlessReplyError extends Error {
  constructor() {
    super(`It replies with more than ${REPLY_BYTES_MAX / 1024} KB.`)
    this.name = 'EndlessReplyError'
  }
}

const REPLY_BYTES_MAX = 64 * 1024
/** To take back what was given up, after the end of everything else. */
const TAKE_BACK_MS = 10_000

type Handler = S3Client['config']['requestHandler']

/** What the SDK hands over and takes, as far as it matters here. */
interface Sent {
  readonly method: string
  readonly query: Readonly<Record<string, unknown>>
}
interface Got {
  readonly response: { body: unknown }
}

/** Agents that connect to public addresses only. */
export function guardedAgents({ privateAddresses }: S3Guard) {
  const allowed = { allowIPAddressList: [...privateAddresses], keepAlive: true }
  return {
    httpAgent: new RequestFilteringHttpAgent(allowed),
    httpsAgent: new RequestFilteringHttpsAgent(allowed),
  }
}

/**
 * Limits what a store can hold of us: each reply is read here, as the SDK would read on for as long as something comes.
 * Not for reading files.
 */
export function limitReplies(inner: Handler, guard: S3Guard): Handler {
  const handle = async (request: Sent, options: Parameters<Handler['handle']>[1]): Promise<Got> => {
    const abortSignal = signalFor(request, guard)
    const got: Got = await inner.handle(request, { ...options, abortSignal })
    const { body } = got.response
    if (body instanceof Readable) got.response.body = Readable.from([await wholeOf(body, abortSignal)])
    return got
  }
  // Its other methods are those of its class.
  return Object.assign(Object.create(inner) as Handler, { handle })
}

/** Parts of an upload that was given up would stay, and cost their owner. */
function signalFor({ method, query }: Sent, guard: S3Guard): AbortSignal {
  const isTakingBack = method === 'DELETE' && query['uploadId'] !== undefined
  if (isTakingBack) return AbortSignal.timeout(Math.min(TAKE_BACK_MS, guard.requestMs))
  return AbortSignal.any([guard.signal, AbortSignal.timeout(guard.requestMs)])
}

async function wholeOf(body: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of addAbortSignal(signal, body) as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > REPLY_BYTES_MAX) throw new EndlessReplyError()
  }
  return Buffer.concat(chunks)
}
