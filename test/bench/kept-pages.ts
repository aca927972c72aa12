import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'undici'
import { runProgram } from '../../src/bin/local/run-program.ts'
import { findProgram } from '../support/debian-program.ts'
import type { DebianProgram } from '../support/debian-program.ts'
import { startClock } from './process-times.ts'
import { judged, judgedSpread, percentile, spread } from './report.ts'
import type { Line } from './report.ts'
import type { SiteChain } from './site-chain.ts'

const CONNECTIONS = 64
const HEADERS = { accept: 'text/html', 'accept-encoding': 'gzip' }

interface Rate {
  perSecond: number
  cpuMs: number
}

/** A page from nginx's cache beside a file of the same size from its disk, in turns. */
export async function keptPageFigures(chain: SiteChain, rounds: number, seconds: number): Promise<Line[]> {
  const wrk = await findProgram({
    name: 'wrk',
    tellsVersionBy: '--version',
    packages: ['wrk', 'libluajit-5.1-2'],
    folder: 'usr/bin',
  })
  const bytes = await bytesOf(chain, '/project/')
  const name = 'as-large-as-a-page.css'
  const file = join(String(chain.servers.env['ASSETS_DIR']), name)
  writeFileSync(file, Buffer.alloc(bytes, 'a'))
  try {
    const rates: { page: Rate; file: Rate }[] = []
    for (let round = 0; round <= rounds; round += 1) {
      const page = await rateOf(chain, wrk, '/project/', seconds)
      rates.push({ page, file: await rateOf(chain, wrk, `/static/${name}`, seconds) })
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

/** As many requests as there is time for; wrk takes next to none of the processors, which nginx is to have. */
async function rateOf(chain: SiteChain, wrk: DebianProgram, path: string, seconds: number): Promise<Rate> {
  const elapsed = startClock(new Map([['nginx', chain.processes.get('nginx') ?? []]]))
  const said = await runProgram(
    wrk.command,
    [
      '--threads=1',
      `--connections=${CONNECTIONS}`,
      `--duration=${seconds}s`,
      ...Object.entries(HEADERS).map(([name, value]) => `--header=${name}: ${value}`),
      chain.url + path,
    ],
    { env: wrk.env },
  )
  const cpu = elapsed().get('nginx') ?? 0
  const [, requests] = /^ +(\d+) requests in /m.exec(said) ?? []
  const [, perSecond] = /^Requests\/sec: +([\d.]+)$/m.exec(said) ?? []
  if (requests === undefined || perSecond === undefined || /Non-2xx|Socket errors/.test(said))
    throw new Error(`${path} was not always answered:\n${said}`)
  return { perSecond: Number(perSecond), cpuMs: (cpu / Number(requests)) * 1_000 }
}
