import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from '../support/servers.ts'

const run = promisify(execFile)

/** The published clients of PyBossa, unchanged. */
const CLIENTS = ['pybossa-client==3.0.0', 'pybossa-pbs==3.0.0', 'enki==3.0.0']

const NEEDED = 'Python 3 with venv and pip is needed: sudo apt-get install python3-venv python3-pip'

export interface Ran {
  readonly status: number
  /** What it wrote, errors included. */
  readonly output: string
}

/**
 * The folder of programs of a Python environment with the clients, which the next run finds again.
 *
 * @returns why there is none, when this machine cannot make one.
 */
export async function clientPrograms(): Promise<{ folder: string } | { missing: string }> {
  const home = join(cacheFolder(), 'pybossa-clients-3')
  const folder = join(home, 'bin')
  const ready = join(home, 'ready')
  if (existsSync(ready)) return { folder }
  try {
    await run('python3', ['-c', 'import venv, ensurepip'])
  } catch {
    return { missing: NEEDED }
  }
  try {
    await run('python3', ['-m', 'venv', '--clear', home])
    await run(join(folder, 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...CLIENTS])
  } catch (error) {
    return { missing: `The clients could not be installed: ${String(error).slice(0, 500)}` }
  }
  mkdirSync(ready)
  return { folder }
}

/** Runs a program to its end, whatever its status. */
export async function runIn(cwd: string, program: string, args: readonly string[]): Promise<Ran> {
  try {
    const { stdout, stderr } = await run(program, args, { cwd, maxBuffer: 64 * 1024 * 1024, env: clean() })
    return { status: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string }
    if (typeof code !== 'number') throw error
    return { status: code, output: stdout + stderr }
  }
}

/** No settings of the person who runs the tests: pbs reads a file in the home folder. */
function clean(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: '/nonexistent', LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8' }
}
