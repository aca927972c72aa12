import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  endProcess,
  identifyProcess,
  isRunning,
  lastLines,
  spawnServer,
} from '../../src/bin/local/os-process.ts'
import { runProgram } from '../../src/bin/local/run-program.ts'
import { findProgram } from './debian-program.ts'
import { ownAddress, renderRole, roleDefaults } from './rendered.ts'
import type { TemplateValues } from './rendered.ts'
import type { Ending } from './servers.ts'

export interface HaproxyServer {
  readonly name: string
  readonly address: string
}

/** What of the role's variables a test says itself. */
export interface HaproxySettings {
  /** Database servers; by a role of their own where no Patroni tells it. */
  readonly databases?: readonly (HaproxyServer & { readonly role?: 'primary' | 'replica' })[]
  readonly webServers?: readonly (HaproxyServer & { readonly port: number })[]
  readonly values?: TemplateValues
}

export interface Haproxy {
  /** All its listeners are there, on the ports of the role's defaults. */
  readonly address: string
  readonly webUrl: string
  /** Where a listener of the database is. */
  listener(name: 'write' | 'read' | 'direct'): { readonly host: string; readonly port: number }
  /** What each server of a backend is at the moment, such as UP or DOWN, and how many connections lead to it. */
  servers(backend: string): Promise<{ name: string; status: string; sessions: number }[]>
  /** Resolves when the servers of a backend that are up are these. */
  untilUp(backend: string, names: readonly string[]): Promise<void>
  /** Kills it, with every connection through it. */
  kill(): Promise<void>
  pid(): number
  start(): Promise<void>
}

const HAPROXY = {
  name: 'haproxy',
  tellsVersionBy: '-v',
  packages: ['haproxy', 'liblua5.3-0', 'libopentracing-c-wrapper0', 'libopentracing1'],
}

/** HAProxy with the configuration that Ansible installs, on an address of its own. */
export async function startHaproxy(t: Ending, settings: HaproxySettings): Promise<Haproxy> {
  const { command, env } = await findProgram(HAPROXY)
  const folder = mkdtempSync(join(tmpdir(), 'mh-h-'))
  const [file, logFile, socket] = ['haproxy.cfg', 'haproxy.log', 'admin.sock'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  const address = ownAddress()
  const values: TemplateValues = {
    haproxy_name: 'test',
    haproxy_socket: socket,
    haproxy_log: 'stdout format raw',
    haproxy_database_address: address,
    haproxy_web_address: address,
    haproxy_stats_addresses: [address],
    haproxy_databases: settings.databases ?? [],
    haproxy_web_servers: settings.webServers ?? [],
    ...settings.values,
  }
  const ports = roleDefaults('haproxy')
  writeFileSync(file, renderRole('haproxy', 'haproxy.cfg.j2', values))
  await runProgram(command, ['-c', '-f', file], { env })

  async function launch() {
    const { pid } = spawnServer({ command, args: ['-db', '-f', file], env, logFile })
    const identity = pid === undefined ? undefined : identifyProcess(pid)
    if (!identity) throw new Error(`HAProxy did not start:\n${lastLines(logFile)}`)
    for (let waited = 0; !(await ask(socket, 'show info').catch(() => '')).includes('Uptime'); waited += 20) {
      if (waited > 10_000 || !isRunning(identity))
        throw new Error(`HAProxy does not run:\n${lastLines(logFile)}`)
      await sleep(20)
    }
    return identity
  }

  async function servers(backend: string) {
    const [heading = '', ...lines] = (await ask(socket, 'show stat')).replace(/^# /, '').trim().split('\n')
    const names = heading.split(',')
    const column = (line: string, name: string) => line.split(',')[names.indexOf(name)] ?? ''
    return lines
      .filter((line) => column(line, 'pxname') === backend && column(line, 'type') === '2')
      .map((line) => ({
        name: column(line, 'svname'),
        status: column(line, 'status'),
        sessions: Number(column(line, 'scur')),
      }))
  }

  let running = await launch()
  t.after(async () => {
    await endProcess(running, ['SIGKILL'], 5_000)
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    address,
    webUrl: `http://${address}:${ports['haproxy_web_port'] as number}`,
    listener: (name) => ({ host: address, port: ports[`haproxy_${name}_port`] as number }),
    servers,
    async untilUp(backend, names) {
      for (let waited = 0; ; waited += 25) {
        const all = await servers(backend)
        const up = all
          .filter(({ status }) => status === 'UP' || status === 'no check')
          .map(({ name }) => name)
        if (up.toSorted().join() === names.toSorted().join()) return
        if (waited > 20_000)
          throw new Error(`${backend}: ${up.join()} instead of ${names.join()}\n${lastLines(logFile)}`)
        await sleep(25)
      }
    },
    pid: () => running.pid,
    kill: () => endProcess(running, ['SIGKILL'], 5_000),
    async start() {
      running = await launch()
    },
  }
}

/** Asks HAProxy by its admin socket. */
function ask(socket: string, command: string): Promise<string> {
  const connection = connect(socket)
  connection.end(`${command}\n`)
  return text(connection)
}
