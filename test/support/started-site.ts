import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, recordedProcess } from '../../src/bin/local/os-process.ts'
import type { ProcessIdentity } from '../../src/bin/local/os-process.ts'

/** A program of ours that runs as its users run it. */
export interface StartedProgram {
  readonly child: ChildProcess
  /** Everything it printed until now. */
  output(): string
  /** Resolves when it printed this; rejects when it ends first. */
  prints(text: string): Promise<void>
  /** Its status, or the signal that ended it. */
  ends(): Promise<number | string>
}

/**
 * Starts a script of the project with settings of its own.
 *
 * @param within what its command line begins with, for a process in surroundings of its own.
 */
export function startProgram(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd = process.cwd(),
  within: readonly string[] = [],
): StartedProgram {
  const [command = '', ...rest] = [...within, process.execPath, script, ...args]
  const child = spawn(command, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let ended: number | string | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed += text))
  child.once('exit', (status, signal) => (ended = status ?? signal ?? 'ended'))
  return {
    child,
    output: () => printed,
    async prints(text) {
      while (!printed.includes(text)) {
        if (ended !== undefined) throw new Error(`It ended (${ended}) without "${text}":\n${printed}`)
        await sleep(20)
      }
    },
    async ends() {
      if (ended === undefined) await once(child, 'exit')
      // Not its pipes' end: what it started may still hold them. What it wrote last is read by then.
      await sleep(50)
      return ended ?? 'ended'
    },
  }
}

/** A port that nobody has at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/** The processes that a start wrote down in its data folder and that run now. */
export function runningProcesses(dataDir: string): Map<string, ProcessIdentity> {
  const files = ['web', 'web-2', 'worker', 'scheduler', 'redis-cache/process', 'redis-queue/process']
  const found = new Map<string, ProcessIdentity>()
  for (const name of files) {
    const identity = recordedProcess(join(dataDir, `${name}.json`))
    if (identity && isRunning(identity)) found.set(name, identity)
  }
  const pidFile = join(dataDir, 'postgres/cluster/postmaster.pid')
  if (existsSync(pidFile)) {
    const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
    found.set('postgres', { pid, started: 'now' })
  }
  return found
}
