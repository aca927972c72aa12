import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { Agent as TlsAgent, request as requestTls } from 'node:https'

/** What one competitor did in one round. */
export interface Run {
  perSecond: number
  /** Processor time of the server's process for one request, in milliseconds; not known for pgbench. */
  cpuMs: number | undefined
}

export const CONNECTIONS = 16

/** Ticks of the processor time in /proc; 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100

export interface Call {
  method: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: string
}

/** A competitor: where it is, which process's time is counted, and who has signed its certificate. */
export interface Server {
  readonly url: string
  readonly pid: number
  readonly ca?: string | undefined
}

/** Sends one request and gives the text of its answer. */
export type Ask = (call: Call) => Promise<string>

/**
 * Sends requests over CONNECTIONS keep-alive connections, each the next as soon as the last is answered.
 *
 * @param requests how many each connection sends.
 * @param next gives the nth request.
 * @throws Error when any answer is not a success.
 */
export async function load(server: Server, requests: number, next: (n: number) => Call): Promise<Run> {
  let n = 0
  return loadTurns(server, requests, (ask) => ask(next(n++)))
}

/**
 * The same with turns of one request or several, which may build on each other.
 *
 * @param turns how many each connection takes; a run counts turns.
 * @param take one turn, the `nth` of its `connection`.
 */
export async function loadTurns(
  { url, pid, ca }: Server,
  turns: number,
  take: (ask: Ask, connection: number, nth: number) => Promise<unknown>,
): Promise<Run> {
  const options = { keepAlive: true, maxSockets: CONNECTIONS }
  const agent = url.startsWith('https:') ? new TlsAgent({ ...options, ca }) : new Agent(options)
  const cpuBefore = cpuSeconds(pid)
  const began = performance.now()
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, connection) => {
      for (let nth = 0; nth < turns; nth += 1) await take((call) => send(agent, url, call), connection, nth)
    }),
  )
  const seconds = (performance.now() - began) / 1000
  agent.destroy()
  const all = turns * CONNECTIONS
  return { perSecond: all / seconds, cpuMs: ((cpuSeconds(pid) - cpuBefore) / all) * 1000 }
}

/** Not fetch: it takes several times the processor time of the server that is measured beside it. */
export function send(agent: Agent, url: string, { method, path, headers = {}, body }: Call): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }
  const begin = url.startsWith('https:') ? requestTls : request
  begin(url + path, { method, headers: { ...headers, ...length }, agent }, (response) => {
    let text = ''
    response
      .setEncoding('utf8')
      .on('data', (part: string) => (text += part))
      .once('end', () => {
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`${method} ${path} was answered ${response.statusCode ?? 0}: ${text}`))
      })
  })
    .once('error', reject)
    .end(body)
  return promise
}

/** Processor time that a process has had. */
export function cpuSeconds(pid: number): number {
  // After the program's name, which may hold anything: fields 14 and 15 are user and system time.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
