import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'

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

/**
 * Sends requests over CONNECTIONS keep-alive connections, each the next as soon as the last is answered.
 *
 * @param requests how many each connection sends.
 * @param next gives the nth request.
 * @throws Error when any answer is not a success.
 */
export async function load(
  { url, pid }: { url: string; pid: number },
  requests: number,
  next: (n: number) => Call,
): Promise<Run> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  let n = 0
  const cpuBefore = cpuSeconds(pid)
  const began = performance.now()
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (let sent = 0; sent < requests; sent += 1) await send(agent, url, next(n++))
    }),
  )
  const seconds = (performance.now() - began) / 1000
  agent.destroy()
  return { perSecond: n / seconds, cpuMs: ((cpuSeconds(pid) - cpuBefore) / n) * 1000 }
}

/** Not fetch: it takes several times the processor time of the server that is measured beside it. */
function send(agent: Agent, url: string, { method, path, headers = {}, body }: Call): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }
  request(url + path, { method, headers: { ...headers, ...length }, agent }, (response) => {
    response.resume().once('end', () => {
      if (response.statusCode === 200) resolve(undefined)
      else reject(new Error(`${method} ${path} was answered ${response.statusCode ?? 0}`))
    })
  })
    .once('error', reject)
    .end(body)
  return promise
}

function cpuSeconds(pid: number): number {
  // After the program's name, which may hold anything: fields 14 and 15 are user and system time.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
