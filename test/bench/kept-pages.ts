import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'undici'
import { startClock } from './process-times.ts'
import { judged, judgedSpread, percentile, spread } from './report.ts'
import type { Line } from './report.ts'
import type { SiteChain } from './site-chain.ts'

const CONNECTIONS = 16
/** Requests under way on each: what asks is to wait as little as possible. */
const PIPELINED = 10
const HEADERS = { accept: 'text/html', 'accept-encoding': 'gzip' }

interface Rate {
  perSecond: number
  cpuMs: number
}

/** A page from nginx's cache beside a file of the same size from its disk, in turns. */
export async function keptPageFigures(chain: SiteChain, rounds: number, seconds: number): Promise<Line[]> {
  const bytes = await bytesOf(chain, '/project/')
  const name = 'as-large-as-a-page.css'
  const file = join(String(chain.servers.env['ASSETS_DIR']), name)
  writeFileSync(file, Buffer.alloc(bytes, 'a'))
  try {
    const rates: { page: Rate; file: Rate }[] = []
    for (let round = 0; round <= rounds; round += 1) {
      const page = await rateOf(chain, '/project/', seconds)
      rates.push({ page, file: await rateOf(chain, `/static/${name}`, seconds) })
    }
    // The first one warms up.
    return linesOf(bytes, rates.slice(1))
  } finally {
    rmSync(file)
  }
}

function linesOf(bytes: number, rates: readonly { page: Rate; file: Rate }[]): Line[] {
  const of = (what: 'page' | 'file', value: keyof Rate) => rates.map((rate) => rate[what][value])
  const text = (what: 'page' | 'file') =>
    `${spread(of(what, 'perSecond'), 0)} a second, ${spread(of(what, 'cpuMs'), 3)} ms of nginx's time each`
  return [
    { name: `file of ${bytes} bytes`, value: text('file') },
    { name: 'kept page of as many', value: text('page') },
    judgedSpread(
      'page / file',
      rates.map(({ page, file }) => page.perSecond / file.perSecond),
      { min: 0.5 },
    ),
    judgedSpread(
      "nginx's time for a file / for a page",
      rates.map(({ page, file }) => file.cpuMs / page.cpuMs),
      { min: 0.5 },
    ),
    judged('pages a second', percentile(of('page', 'perSecond'), 50), { min: 5_000 }),
  ]
}

async function bytesOf({ url, ca }: SiteChain, path: string): Promise<number> {
  const client = new Client(url, { connect: { ca } })
  const { body } = await client.request({ method: 'GET', path, headers: HEADERS })
  const { byteLength } = await body.arrayBuffer()
  await client.close()
  return byteLength
}

/** As many requests as there is time for. */
async function rateOf({ url, ca, processes }: SiteChain, path: string, seconds: number): Promise<Rate> {
  const nginx = new Map([['nginx', processes.get('nginx') ?? []]])
  const end = performance.now() + seconds * 1_000
  const elapsed = startClock(nginx)
  const began = performance.now()
  let requests = 0
  async function ask(client: Client): Promise<void> {
    while (performance.now() < end) {
      const { statusCode, body } = await client.request({ method: 'GET', path, headers: HEADERS })
      await body.dump()
      if (statusCode !== 200) throw new Error(`${path} was answered ${statusCode}`)
      requests += 1
    }
  }
  const clients = Array.from(
    { length: CONNECTIONS },
    () => new Client(url, { connect: { ca }, pipelining: PIPELINED }),
  )
  await Promise.all(clients.flatMap((client) => Array.from({ length: PIPELINED }, () => ask(client))))
  const took = (performance.now() - began) / 1_000
  const cpu = elapsed().get('nginx') ?? 0
  await Promise.all(clients.map((client) => client.close()))
  return { perSecond: requests / took, cpuMs: (cpu / requests) * 1_000 }
}
