import { mkdirSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { DrilledSite } from './drills.ts'
import { ask, floatingAddress, hosts, hostsOf, readAuthority } from './hosts.ts'

/** A member of Patroni's cluster, as `patronictl` lists it. */
interface Member {
  readonly Member: string
  readonly Role: string
  readonly State: string
}

/** What is done to a site, and what it promises to do then. Times are seconds. */
export interface Drill {
  readonly name: string
  /** So long after it the last request of this kind may fail, or the first one wait. */
  readonly promised: Readonly<Partial<Record<Kind, number>>>
  /** Breaks something. @returns when it began to, in milliseconds since 1970. */
  fault(site: HaSite): Promise<number>
  /** Brings it back. */
  mend?(site: HaSite): Promise<unknown>
}

export type Kind = 'write' | 'read'

/** One request of the load. */
interface Entry {
  readonly kind: Kind | 'task'
  readonly mark: string
  readonly sent: number
  readonly ended: number
  readonly isYes: boolean
  /** What went wrong otherwise. */
  readonly why?: string
}

const HEALTHY_TRIES = 120
const FAILURES_SHOWN = 8

/** A provisioned site of the ha profile. */
export class HaSite {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Runs a command in a host and gives what it says. */
  run(host: string, ...command: string[]): Promise<string> {
    return ask(['exec', host, ...command])
  }

  get databases(): readonly string[] {
    return hostsOf(this.folder, 'databases')
  }

  async members(): Promise<readonly Member[]> {
    for (const host of this.databases) {
      const said = await this.run(
        host,
        'patronictl',
        '-c',
        '/etc/patroni/config.yml',
        'list',
        '-f',
        'json',
      ).catch(() => '')
      if (said !== '') return JSON.parse(said) as Member[]
    }
    return []
  }

  async primary(): Promise<string> {
    const member = (await this.members()).find(({ Role }) => Role === 'Leader')
    if (member === undefined) throw new Error('There is no primary')
    return member.Member
  }

  /** The copy that every commit waits for. */
  async synchronous(): Promise<string> {
    const member = (await this.members()).find(({ Role }) => Role === 'Sync Standby')
    if (member === undefined) throw new Error('There is no synchronous standby')
    return member.Member
  }

  /** What a query on the primary gives. */
  async query(sql: string): Promise<string> {
    const said = await this.run(
      await this.primary(),
      'runuser',
      '-u',
      'postgres',
      '--',
      'psql',
      '-qXAt',
      'manyhands',
      '-c',
      sql,
    )
    return said.trim()
  }

  /** The site as the drills of its application hosts want it. */
  async drilled(domain: string): Promise<DrilledSite> {
    return {
      ...{ folder: this.folder, domain, authority: await readAuthority('app1', this.folder) },
      writers: () => Promise.all([this.primary(), this.synchronous()]),
      sql: (query) => this.query(query),
    }
  }

  /** Puts a file on a host. What is within the site's folder Ansible takes for hosts. */
  async put(host: string, path: string, content: string): Promise<void> {
    const file = `${this.folder}.put`
    writeFileSync(file, content)
    await ask(['net', 'scp', '-q', '-F', join(this.folder, 'ssh_config'), file, `${host}:${path}`])
  }

  /** Waits until all databases run and one of them is waited for. */
  async healthy(): Promise<void> {
    for (let tries = 0; tries < HEALTHY_TRIES; tries += 1) {
      const members = await this.members()
      const running = members.filter(({ State }) => State === 'running' || State === 'streaming')
      const isWhole = this.databases.every((name) => running.some(({ Member: member }) => member === name))
      const roles = running.map(({ Role }) => Role)
      if (isWhole && roles.includes('Leader') && roles.includes('Sync Standby')) return
      await sleep(1_000)
    }
    throw new Error(`The databases are not well: ${JSON.stringify(await this.members())}`)
  }
}

/** People who use a site while it is drilled, and a ledger of everything that it said to them. */
export class Load {
  readonly #folder: string
  readonly #book: number
  readonly #entries: Entry[] = []
  readonly #decoder = new StringDecoder()
  #read = 0
  #rest = ''
  #projectId = 0
  #ended: Promise<unknown> = Promise.resolve()

  private constructor(folder: string) {
    this.#folder = folder
    this.#book = openSync(join(folder, 'load.jsonl'), 'a+')
  }

  /** Starts it, at the floating address, and waits until it reads and writes. */
  static async start(site: HaSite, host: string, domain: string): Promise<Load> {
    // Not within the site's: all that is there Ansible takes for hosts.
    const folder = `${site.folder}.load`
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'authority.crt'),
      await site.run(host, 'cat', '/etc/manyhands/tls/authority.crt'),
    )
    const load = new Load(folder)
    const program = fileURLToPath(new URL('load.ts', import.meta.url))
    const flags = ['--address', floatingAddress, '--domain', domain, '--folder', folder]
    load.#ended = hosts(['net', process.execPath, program, ...flags])
    let failure: Error | undefined
    load.#ended.catch((error: unknown) => {
      failure = new Error('The load ended early', { cause: error })
    })
    while (
      !['read', 'write'].every((kind) => load.entries().some((entry) => entry.isYes && entry.kind === kind))
    ) {
      if (failure) throw failure
      await sleep(500)
    }
    const project = await site.query('select max(id) from project')
    load.#projectId = Number(project)
    return load
  }

  entries(): readonly Entry[] {
    const block = Buffer.alloc(1 << 20)
    for (let length = -1; length !== 0;) {
      length = readSync(this.#book, block, 0, block.length, this.#read)
      this.#read += length
      const lines = (this.#rest + this.#decoder.write(block.subarray(0, length))).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) this.#entries.push(JSON.parse(line) as Entry)
    }
    return this.#entries
  }

  async stop(): Promise<void> {
    writeFileSync(join(this.#folder, 'stop'), '')
    await this.#ended
  }

  /** Waits until nothing has failed for a while since a moment, and both kinds have succeeded. */
  async settled(since: number, { quietMs = 8_000, longestMs = 120_000 } = {}): Promise<void> {
    while (Date.now() - since < longestMs) {
      const now = Date.now()
      const entries = this.entries().filter(({ ended }) => ended >= since && ended >= now - quietMs)
      const isBack = (['read', 'write'] as const).every((kind) =>
        entries.some((entry) => entry.kind === kind && entry.isYes),
      )
      if (now - since > quietMs * 2 && isBack && entries.every(({ isYes }) => isYes)) return
      await sleep(500)
    }
  }

  /**
   * For how many seconds after a moment not all was well: until the first success behind the last failure, or how long
   * nothing of the kind succeeded at all, where nothing failed.
   */
  outage(kind: Kind, since: number): number {
    const kinds = kind === 'write' ? ['write', 'task'] : [kind]
    const after = this.entries().filter((entry) => kinds.includes(entry.kind) && entry.ended >= since)
    const lastFailed = Math.max(since, ...after.filter(({ isYes }) => !isYes).map(({ sent }) => sent))
    const back = after.filter(({ isYes, sent }) => isYes && sent >= lastFailed).map(({ ended }) => ended)
    return (Math.min(...back) - since) / 1000
  }

  /** The last requests of a kind that failed after a moment, to be read by somebody. */
  failures(kind: Kind, since: number): string {
    const kinds = kind === 'write' ? ['write', 'task'] : [kind]
    const failed = this.entries().filter(
      (entry) => kinds.includes(entry.kind) && entry.ended >= since && !entry.isYes,
    )
    const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`
    return failed
      .slice(-FAILURES_SHOWN)
      .map(
        ({ kind: what, sent, ended, why }) =>
          `  ${what} sent after ${seconds(sent - since)}, which took ${seconds(ended - sent)}: ${why ?? ''}`,
      )
      .join('\n')
  }

  /** Each answer with when it was first sent and when it was acknowledged, by tabs, as the restore drill wants them. */
  ledger(): string {
    const answers = new Map<string, { sent: number; acknowledged?: number }>()
    for (const { kind, mark, sent, ended, isYes } of this.entries()) {
      if (kind !== 'write') continue
      const known = answers.get(mark) ?? { sent }
      answers.set(mark, isYes ? { ...known, acknowledged: ended } : known)
    }
    const time = (at: number | undefined) => (at === undefined ? '\\N' : new Date(at).toISOString())
    return [...answers]
      .map(([mark, { sent, acknowledged }]) => `${mark}\t${time(sent)}\t${time(acknowledged)}\n`)
      .join('')
  }

  /** Answers acknowledged before a moment that are not in a database, and answers that are there twice. */
  async check(
    database: Pick<HaSite, 'query'>,
    before = Infinity,
  ): Promise<{ acknowledged: number; lost: number; doubled: number }> {
    const marks = this.entries().filter(
      ({ kind, isYes, ended }) => kind === 'write' && isYes && ended < before,
    )
    const said = await database.query(
      `select info #>> '{}', count(*) from task_run where project_id = ${this.#projectId} group by 1`,
    )
    const stored = new Map(said.split('\n').map((line) => [line.split('|')[0], Number(line.split('|')[1])]))
    return {
      acknowledged: marks.length,
      lost: marks.filter(({ mark }) => !stored.has(mark)).length,
      doubled: [...stored.values()].filter((count) => count > 1).length,
    }
  }
}
