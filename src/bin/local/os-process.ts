import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'

/** A process id together with when it was started: a pid alone may have been given to somebody else since. */
const Identity = z.object({
  pid: z.int().positive(),
  started: z.string().min(1),
  /** Where it answers, if it was told. */
  url: z.string().optional(),
})
export type ProcessIdentity = z.infer<typeof Identity>

const LOG_BYTES_MAX = 10_000_000

/** Who has this pid now; undefined when nobody has, or only a zombie. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const started = process.platform === 'linux' ? startedByProc(pid) : startedByPs(pid)
  return started === undefined ? undefined : { pid, started }
}

/** Start time in clock ticks since boot, with the boot's id, as /proc tells them (proc(5): field 22 of stat). */
function startedByProc(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // The second field is the program's name in parentheses and may contain anything.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (state === 'Z' || state === 'X') return undefined
  return `${fields[18]} ${readIfThere('/proc/sys/kernel/random/boot_id')?.trim()}`
}

/** For systems without /proc. */
function startedByPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() || undefined
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.started === identity.started
}

/** Writes down who a process is, and where it answers, so that a later run can find it again. */
export function recordProcess(file: string, pid: number, url?: string): ProcessIdentity {
  const identity = { ...(identifyProcess(pid) ?? { pid, started: 'gone' }), ...(url ? { url } : {}) }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, JSON.stringify(identity), { mode: 0o600 })
  renameSync(`${file}.new`, file)
  return identity
}

/** The process that `recordProcess` wrote down, if it is still running. */
export function recordedProcess(file: string): ProcessIdentity | undefined {
  const text = readIfThere(file)
  if (text === undefined) return undefined
  const parsed = Identity.safeParse(JSON.parse(text))
  return parsed.success && isRunning(parsed.data) ? parsed.data : undefined
}

/**
 * Sends the signals one after the other, each after the process had `graceMs` to follow the one before.
 * Works for processes that are not our children. Resolves when the process is gone.
 */
export async function endProcess(
  identity: ProcessIdentity,
  signals: readonly NodeJS.Signals[],
  graceMs: number,
): Promise<void> {
  for (const signal of signals) {
    if (!isRunning(identity)) return
    signalProcess(identity, signal)
    if (await hasEnded(identity, graceMs)) return
  }
  throw new Error(`Process ${identity.pid} does not end`)
}

/** Sends a signal, unless the process has gone or its pid is somebody else's now. */
function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return
  try {
    process.kill(identity.pid, signal)
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error
  }
}

async function hasEnded(identity: ProcessIdentity, graceMs: number): Promise<boolean> {
  const deadline = Date.now() + graceMs
  while (isRunning(identity)) {
    if (Date.now() > deadline) return false
    await sleep(10)
  }
  return true
}

export interface ServerProgram {
  command: string
  args: readonly string[]
  env?: NodeJS.ProcessEnv
  /** Takes standard output and error; a file beyond 10 MB is set aside as `<name>.1` first. */
  logFile: string
}

/**
 * Starts a server in a session of its own, so that a Ctrl-C in the terminal reaches only the process that knows the
 * order to stop them in, and so that it does not keep this process alive.
 */
export function spawnServer({ command, args, env = process.env, logFile }: ServerProgram): ChildProcess {
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 })
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES_MAX)
    renameSync(logFile, `${logFile}.1`)
  const log = openSync(logFile, 'a', 0o600)
  const child = spawn(command, args, {
    env,
    cwd: dirname(logFile),
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  child.unref()
  return child
}

/** The end of a log file, for an error message. */
export function lastLines(file: string, count = 15): string {
  return (readIfThere(file) ?? '').trimEnd().split('\n').slice(-count).join('\n')
}

/** A small file's text; undefined when there is no such file (or process). */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    // ESRCH: a process that ends between the opening and the reading of its file in /proc.
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ESRCH')) return undefined
    throw error
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
