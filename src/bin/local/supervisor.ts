import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { NODE_FLAGS } from './node-flags.ts'
import { endProcess, recordProcess, recordedProcess } from './os-process.ts'

const bin = fileURLToPath(new URL('..', import.meta.url))

/** A child that ended sooner than this after its start is in trouble. */
const STEADY_MS = 5_000
const PAUSE_MAX_MS = 10_000

export interface Supervised {
  /** Starts it anew at once, as after a change of its source. */
  restart(): void
  stop(): Promise<void>
}

interface SuperviseOptions {
  dataDir: string
  env: NodeJS.ProcessEnv
  number?: number
  onHopeless: () => void
}

type ProcessName = 'worker' | 'web' | 'scheduler'

/** What supervised processes leave in the data folder while they run: several of a kind are numbered. */
const RECORD = /^(?:worker|web|scheduler)(?:-\d+)?\.json$/

function recordOf(dataDir: string, name: string): string {
  return join(dataDir, `${name}.json`)
}

/** Ends the processes that a run which was killed left behind on this data folder. */
export async function endLeftovers(dataDir: string): Promise<void> {
  const files = existsSync(dataDir) ? readdirSync(dataDir) : []
  for (const file of files.filter((one) => RECORD.test(one))) {
    const left = recordedProcess(join(dataDir, file))
    if (left) await endProcess(left, ['SIGTERM', 'SIGKILL'], 10_000)
  }
}

/**
 * Keeps one of our processes running: started again when it ends, with a pause that grows while it keeps ending soon.
 *
 * @param options.number tells several of one kind apart.
 * @param options.onHopeless called when the first start ends at once: a setting is wrong.
 */
export function supervise(name: ProcessName, options: SuperviseOptions): Supervised {
  const { dataDir, env, number = 1, onHopeless } = options
  const record = recordOf(dataDir, number === 1 ? name : `${name}-${number}`)
  let child: ChildProcess | undefined
  let isStopping = false
  let pause = 250

  function start(isFirst: boolean): void {
    const started = Date.now()
    child = spawn(process.execPath, [...NODE_FLAGS[name], join(bin, `${name}.ts`)], {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    })
    if (child.pid !== undefined) recordProcess(record, child.pid)
    child.once('exit', (status) => {
      if (isStopping) return
      const livedMs = Date.now() - started
      if (isFirst && status === 1 && livedMs < STEADY_MS) {
        onHopeless()
        return
      }
      pause = livedMs > STEADY_MS ? 250 : Math.min(pause * 2, PAUSE_MAX_MS)
      console.error(`${name} ended; starting it again`)
      void sleep(pause).then(() => {
        if (!isStopping) start(false)
      })
    })
  }

  start(true)
  return {
    restart() {
      pause = 10
      child?.kill('SIGTERM')
    },
    async stop() {
      isStopping = true
      if (child?.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child?.once('exit', resolve))
      child.kill('SIGTERM')
      const timer = setTimeout(() => child?.kill('SIGKILL'), 30_000)
      await ended
      clearTimeout(timer)
    },
  }
}
