import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** After this time, in milliseconds, a program that was told to end is ended. */
const GRACE_MS = 10_000
/** What a program left running may hold its output open; it is not waited for. */
const OUTPUT_MS = 1_000

interface LoggedProgram {
  command: readonly [string, ...string[]]
  cwd: string
  env: NodeJS.ProcessEnv
  /** Ends the program, and all that it started, when it aborts. */
  signal: AbortSignal
  /** An open file that the program inherits as descriptor 3, such as a lock that it shall hold as well. */
  inherited: number
  /** Told of each line of its output. */
  hear: (line: string) => void
}

/** Runs a program to its end. @returns its status, or the name of the signal that ended it. */
export async function runLogged({
  command: [program, ...args],
  hear,
  signal,
  inherited,
  ...where
}: LoggedProgram): Promise<string> {
  // In a group of its own, so that what it started ends with it.
  const child = spawn(program, args, {
    ...where,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', inherited],
  })
  const stop = () => {
    signalGroup(child.pid, 'SIGTERM')
    setTimeout(signalGroup, GRACE_MS, child.pid, 'SIGKILL').unref()
  }
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  child.once('error', reject).once('exit', (status, name) => {
    resolve(String(status ?? name))
  })
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  const outputs = [child.stdout, child.stderr].map(async (stream) => {
    if (stream) for await (const line of createInterface({ input: stream })) hear(line)
  })
  try {
    const status = await promise
    await Promise.race([Promise.all(outputs), sleep(OUTPUT_MS, undefined, { ref: false })])
    return status
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}
