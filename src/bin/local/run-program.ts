import { spawn } from 'node:child_process'

export interface ProgramOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
}

/**
 * Runs a program to its end.
 *
 * @returns what it wrote to standard output.
 * @throws Error with what it wrote to standard error, when it is missing or ends with another status than 0.
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text))
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject).once('close', resolve)
  const status = await promise
  if (status === 0) return output.out
  throw new Error(`${command} ended with ${status ?? 'a signal'}:\n${output.err}`.trim())
}

/** Whether a program is there and ends with status 0. */
export async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return runProgram(command, args).then(
    () => true,
    () => false,
  )
}
