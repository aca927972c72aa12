import { execFile } from 'node:child_process'
import type { TestContext } from 'node:test'

export interface Played {
  readonly status: number
  readonly stdout: string
  /** What it wrote to standard output and standard error. */
  readonly output: string
}

/**
 * Runs `ansible-playbook` in a folder.
 *
 * @param env variables of its own; ANSIBLE_STDOUT_CALLBACK `json` makes it tell the outcome of each task as JSON.
 * @returns nothing where Ansible is not: the test is skipped then.
 */
export function runPlaybook(
  t: TestContext,
  folder: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Played | undefined> {
  const { promise, resolve } = Promise.withResolvers<Played | undefined>()
  const options = { cwd: folder, env: { ...process.env, ANSIBLE_LOCAL_TEMP: folder, ...env } }
  execFile('ansible-playbook', args, { ...options, maxBuffer: Infinity }, (error, stdout, stderr) => {
    if (error?.code === 'ENOENT') {
      t.skip('Ansible is not here: sudo apt-get install ansible')
      resolve(undefined)
      return
    }
    resolve({ status: Number(error?.code ?? 0), stdout, output: stdout + stderr })
  })
  return promise
}

/** What the first task of each play said on each host, told by the callback `json`. */
export function firstTasks<Said>(stdout: string): Record<string, Said>[] {
  const { plays } = JSON.parse(stdout) as { plays: { tasks: { hosts: Record<string, Said> }[] }[] }
  return plays.map(({ tasks }) => tasks[0]?.hosts ?? {})
}

export const AS_JSON = { ANSIBLE_STDOUT_CALLBACK: 'json' }
