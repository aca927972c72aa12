import { appendFileSync, createWriteStream, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { faultIn, playIn } from '../lib/ansible-lines.ts'
import { messageOf } from '../lib/errors.ts'
import { createRedaction } from '../lib/redaction.ts'
import type { DeploySettings } from '../platform/deploy-config.ts'
import { gitCloneIn } from '../platform/git-clone.ts'
import { runLogged } from '../platform/logged-program.ts'
import { RunOrder, checkoutIn } from './runs.ts'
import type { RunResult } from './runs.ts'

/** What the playbook inherits: where programs are, whom to be, and what Ansible and ssh are told. Never our secrets. */
const PASSED_ON = /^(?:PATH|HOME|USER|LANG|LC_\w+|TMPDIR|SSH_AUTH_SOCK|ANSIBLE_\w+)$/
const REASON_MAX = 400

/** How the names of those plays begin that change nothing of what hosts run. */
const PREPARING = /^Prepare\b/

/**
 * Does one run: puts the files of the commit into a fresh folder, runs its playbook, writes what it says into `output.log`
 * with secrets hidden, its steps (Ansible's plays) into `steps.log`, and at the very end how it went into `result.json`.
 *
 * @param lock the descriptor of the environment's lock, which all that it starts hold as well.
 */
export async function runPlaybook(
  folder: string,
  settings: DeploySettings,
  env: NodeJS.ProcessEnv,
  lock: number,
): Promise<void> {
  const redact = createRedaction(settings.secrets)
  const log = createWriteStream(join(folder, 'output.log'), { flags: 'a', mode: 0o600 })
  const signal = AbortSignal.timeout(settings.runMs)
  const passed = Object.fromEntries(Object.entries(env).filter(([name]) => PASSED_ON.test(name)))
  const said = { last: '', fault: '', step: '', hasBegun: false }
  const cwd = checkoutIn(folder)
  const clone = gitCloneIn(settings.folder, settings.git, run)

  function hear(line: string): void {
    const safe = redact(line)
    log.write(`${safe}\n`)
    const step = playIn(safe)
    if (step !== undefined) {
      said.step = `${step}: `
      appendFileSync(join(folder, 'steps.log'), `${step}\n`)
    }
    said.fault ||= faultIn(safe) ?? ''
    said.last = safe.trim() || said.last
  }

  async function run(command: readonly [string, ...string[]], more: NodeJS.ProcessEnv = {}): Promise<void> {
    const settled = { cwd, env: { ...passed, ...more }, signal, inherited: lock, hear }
    const status = await runLogged({ command, ...settled })
    if (signal.aborted) throw new Error(`It took longer than ${settings.runMs / 1000} s and was ended.`)
    if (status !== '0') throw new Error(said.fault || said.last || `${command[0]} ended with ${status}.`)
  }

  async function work(): Promise<void> {
    const order: unknown = JSON.parse(readFileSync(join(folder, 'order.json'), 'utf8'))
    const { playbook, release, previous } = RunOrder.parse(order)
    await mkdir(cwd)
    // A deploy fetches its way back as well, before it touches a host.
    for (const commit of [release, playbook === 'deploy' ? previous : '']) await clone.fetch(commit)
    await clone.checkOut(release, cwd)
    said.hasBegun = true
    const vars = JSON.stringify({ release, previous, environment: settings.environment })
    await run([...settings.command, `ansible/${playbook}.yml`, '--extra-vars', vars])
    await clone.tidy()
  }

  const fault = await work().then(
    () => undefined,
    (error: unknown) => redact(said.step + messageOf(error)).slice(0, REASON_MAX),
  )
  const began = said.hasBegun && !PREPARING.test(said.step)
  const result: RunResult = { ok: fault === undefined, reason: fault ?? '', began }
  log.end(result.ok ? 'Done.\n' : `Failed: ${result.reason}\n`)
  await finished(log)
  // Whole or not at all; and before what says that the run has begun is gone.
  writeFileSync(join(folder, 'result.new'), JSON.stringify(result))
  renameSync(join(folder, 'result.new'), join(folder, 'result.json'))
  rmSync(cwd, { recursive: true, force: true })
}
