import { spawn } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Standing } from '../platform/deploy-store.ts'
import { isLockFree, takeLock } from '../platform/file-lock.ts'
import { wholeLines } from '../platform/whole-lines.ts'

const runner = fileURLToPath(new URL('../bin/deploy-run.ts', import.meta.url))

const LOST = 'The run was ended from outside before it could finish.'

/** A run that was begun so often, and each time ended before it did anything, is given up. */
const BEGINS_MAX = 10

/** The logs of so many deploys stay, more than the page lists. */
const DEPLOYS_KEPT = 200

/** Where the process of a run finds the lock that it holds. */
export const LOCK_DESCRIPTOR = 3

/** What a run is told: which playbook, and which release it is about. */
export const RunOrder = z.object({
  playbook: z.enum(['deploy', 'verify', 'rollback']),
  /** The release that the hosts are to run in the end, whose playbook is used. */
  release: z.string().regex(/^[0-9a-f]{40}$/),
  previous: z.string().regex(/^([0-9a-f]{40})?$/),
})
export type RunOrder = z.infer<typeof RunOrder>

export const RunResult = z.object({
  ok: z.boolean(),
  reason: z.string(),
  /** The playbook has come as far as to change what hosts run. */
  began: z.boolean(),
})
export type RunResult = z.infer<typeof RunResult>

/** Where a run puts the files of its commit, before anything else. */
export const checkoutIn = (folder: string) => join(folder, 'checkout')

/** Begins the run of a folder, which from now on holds the lock of this descriptor, and closes it. */
export type BeginRun = (folder: string, lock: number) => void

export type Runs = ReturnType<typeof createRuns>

/**
 * The runs of playbooks, one for each state in which a deploy is at work, each in a process of its own that outlives this
 * server and whose folder tells how it stands. One at a time: a run holds the environment's lock until its last process has
 * ended.
 */
export function createRuns(folder: string, begin: BeginRun = beginProcess) {
  const lockFile = join(folder, 'environment.lock')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const all = join(folder, 'runs')
  const folderOf = ({ id, state }: Standing) => join(all, `${id}-${state}`)

  return {
    folderOf,

    /** @returns false when another run still holds the environment. */
    start(deploy: Standing, order: RunOrder): boolean {
      const own = folderOf(deploy)
      // Before there is a lock to leave behind: the disk may be full.
      mkdirSync(own, { recursive: true, mode: 0o700 })
      for (const name of readdirSync(all))
        if (Number.parseInt(name, 10) <= deploy.id - DEPLOYS_KEPT)
          rmSync(join(all, name), { recursive: true })
      writeFileSync(join(own, 'order.new'), JSON.stringify(RunOrder.parse(order)))
      const lock = takeLock(lockFile)
      if (lock === undefined) return false
      renameSync(join(own, 'order.new'), join(own, 'order.json'))
      appendFileSync(join(own, 'begins.log'), 'begun\n')
      begin(own, lock)
      return true
    },

    /** How a run stands. */
    state(deploy: Standing): 'none' | 'busy' | RunResult {
      const own = folderOf(deploy)
      if (!existsSync(join(own, 'order.json'))) return 'none'
      // Asked for before the result is: a run that ends in between has left one.
      const isOver = isLockFree(lockFile)
      const result = join(own, 'result.json')
      if (existsSync(result)) return RunResult.parse(JSON.parse(readFileSync(result, 'utf8')))
      if (!isOver) return 'busy'
      if (existsSync(checkoutIn(own))) return { ok: false, began: true, reason: LOST }
      // It, or the server that ordered it, was ended before it could begin: nothing has happened yet.
      if (wholeLines(join(own, 'begins.log')).length < BEGINS_MAX) return 'none'
      const [why = 'it ends at once.'] = wholeLines(join(own, 'runner.log')).slice(-1)
      return { ok: false, began: false, reason: `The run cannot be begun: ${why}` }
    },

    /** What the run has said it is doing, one line for each step. */
    steps(deploy: Standing): string[] {
      return wholeLines(join(folderOf(deploy), 'steps.log'))
    },
  }
}

/** In a session of its own, so that what ends this server does not end the run. */
function beginProcess(folder: string, lock: number): void {
  const said = openSync(join(folder, 'runner.log'), 'a', 0o600)
  spawn(process.execPath, [runner, folder], { detached: true, stdio: ['ignore', said, said, lock] })
    .once('error', ({ message }) => {
      appendFileSync(join(folder, 'runner.log'), `${message}\n`)
    })
    .unref()
  for (const descriptor of [said, lock]) closeSync(descriptor)
}
