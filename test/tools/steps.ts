import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { styleText } from 'node:util'

export interface Step {
  readonly name: string
  /** A program below node_modules/.bin, or `node`, with its arguments. */
  readonly command: readonly [string, ...string[]]
}

export interface StepResult {
  readonly name: string
  readonly passed: boolean
  readonly seconds: number
}

const running = new Set<ChildProcess>()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal)
    process.exitCode = 130
    if (running.size === 0) process.exit()
  })
}

/** Runs a program, what it says going to where ours does, and gives its exit status; 1 when a signal ended it. */
export async function runProgram(
  [program, ...args]: readonly [string, ...string[]],
  options: { env?: NodeJS.ProcessEnv; onOutput?: (text: string) => void } = {},
): Promise<number> {
  const child = spawn(program === 'node' ? process.execPath : `node_modules/.bin/${program}`, args, {
    stdio: ['ignore', options.onOutput ? 'pipe' : 'inherit', options.onOutput ? 'pipe' : 'inherit'],
    env: environment(options.env),
  })
  running.add(child)
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => options.onOutput?.(text))
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => {
      running.delete(child)
      resolve(status ?? 1)
    })
  })
}

/** The pinned Node comes first, for the programs below node_modules/.bin that look for one. */
function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const folder = process.execPath.slice(0, process.execPath.lastIndexOf('/'))
  return { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}`, ...more }
}

/** Runs steps, so many at a time, and prints a line for each as it ends, above it what a failed one said. */
export async function runSteps(steps: readonly Step[], atOnce: number): Promise<StepResult[]> {
  const waiting = [...steps]
  const results: StepResult[] = []
  const lane = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) results.push(await runStep(step))
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return results
}

async function runStep({ name, command }: Step): Promise<StepResult> {
  const started = performance.now()
  let output = ''
  const status = await runProgram(command, { onOutput: (text) => (output += text) })
  const result = { name, passed: status === 0, seconds: (performance.now() - started) / 1000 }
  if (!result.passed) process.stdout.write(`\n${output.trimEnd()}\n`)
  printResult(result)
  return result
}

export function printResult({ name, passed, seconds }: StepResult): void {
  const mark = passed ? styleText('green', 'ok  ') : styleText('red', 'FAIL')
  console.log(`${mark} ${name.padEnd(24)}${seconds.toFixed(1).padStart(7)} s`)
}
