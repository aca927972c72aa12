import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
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
import { takeLock } from '../platform/file-lock.ts'

const runner = fileURLToPath(new URL('../bin/deploy-run.ts', import.meta.url))

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

/** How a run stands. Lost: it was ended from outside before it could say how it went. */
export type RunState = 'none' | 'busy' | 'lost' | RunResult

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

  function isFree(): boolean {
    const lock = takeLock(lockFile)
    if (lock !== undefined) closeSync(lock)
    return lock !== undefined
  }

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
      begin(own, lock)
      return true
    },

    state(deploy: Standing): RunState {
      const own = folderOf(deploy)
      if (!existsSync(join(own, 'order.json'))) return 'none'
      // Asked for before the result is: a run that ends in between has left one.
      const isOver = isFree()
      const result = join(own, 'result.json')
      if (existsSync(result)) return RunResult.parse(JSON.parse(readFileSync(result, 'utf8')))
      if (!isOver) return 'busy'
      // Ordered by a server that was ended before it could begin it: nothing has happened yet.
      return existsSync(checkoutIn(own)) ? 'lost' : 'none'
    },

    /** What the run has said it is doing, one line for each step. */
    steps(deploy: Standing): string[] {
      const file = join(folderOf(deploy), 'steps.log')
      return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
    },
  }
}

/** In a session of its own, so that what ends this server does not end the run. */
function beginProcess(folder: string, lock: number): void {
  const stdio = ['ignore', 'ignore', 'ignore', lock] as const
  spawn(process.execPath, [runner, folder], { detached: true, stdio: [...stdio] }).unref()
  closeSync(lock)
}
