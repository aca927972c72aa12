import { rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { messageOf } from '../../lib/errors.ts'
import { HOLD_FILE, HOLD_FRESH_MS } from '../../platform/hold.ts'
import type { Releases } from './releases.ts'
import { runProgram } from './run-program.ts'

/** How often a process is looked at before it counts as good. */
const LOOKS = 9
const LOOK_MS_MAX = 10_000

/** A program and its arguments, as JSON. */
export const Program = z.tuple([z.string()], z.string())

const Address = z.url({ protocol: /^https?$/ })

const Processes = z
  .array(
    z.strictObject({
      /** What starts it anew. */
      restart: Program,
      /** Where it answers with pages, when it does. */
      at: Address.optional(),
    }),
  )
  .min(1)

/**
 * Where processes without pages name their release, by what starts them anew. A variable of its own: releases from before
 * they did read the same settings when a host goes back to them.
 */
const Healths = z.record(z.string(), Address)

export const SwitchVariables = z.object({
  UPGRADE_PROCESSES: z.string().transform((value) => Processes.parse(JSON.parse(value))),
  UPGRADE_HEALTHS: z
    .string()
    .default('{}')
    .transform((value) => Healths.parse(JSON.parse(value))),
  /** Whether a process gets requests only after its pages were looked at: each is looked at past whatever is in front. */
  UPGRADE_HOLDS: z.enum(['on', 'off']).default('off'),
  UPGRADE_VERIFY_SECONDS: z.coerce.number().positive().default(60),
  UPGRADE_SLOW_MS: z.coerce.number().positive().default(2_000),
})

type Settings = z.output<typeof SwitchVariables>
type Process = Settings['UPGRADE_PROCESSES'][number]

/** A release did not work, and the host runs again what it ran before. */
export class TakenBackError extends Error {}

/**
 * Lets a host run another release: the link leads to it, and one process after the other is started anew and looked at,
 * so that all others serve meanwhile. When one fails, those that were started go back to what ran before.
 *
 * @throws TakenBackError when the host runs again what it ran; another error when it could not go back either.
 */
export async function switchHost(releases: Releases, release: string, settings: Settings): Promise<void> {
  const previous = await releases.lastGood()
  const begun: Process[] = []
  if (previous !== undefined) await releases.beginSwitch(previous)
  await releases.switchTo(release)
  try {
    for (const process of settings.UPGRADE_PROCESSES) {
      const isThere = await runs(healthOf(process, settings), release)
      if (isThere && release === previous) continue
      begun.push(process)
      if (!isThere) await start(process, release, settings, releases.folderOf(release))
      // Begun by a switch that was cut off before it had looked.
      else if (process.at !== undefined) await mustServe(process.at, settings.UPGRADE_SLOW_MS)
    }
    await releases.endSwitch()
  } catch (error) {
    const why = `${release.slice(0, 7)} does not work here: ${messageOf(error)}`
    if (previous === undefined || previous === release)
      throw new Error(`${why}. There is no earlier release to go back to.`, { cause: error })
    await releases.switchTo(previous)
    await goBack(begun, previous, settings)
    await releases.endSwitch()
    throw new TakenBackError(`${why}. This host runs ${previous.slice(0, 7)} again.`, { cause: error })
  }
}

/** Starts all that were begun once more, also when one of them fails. @throws the first error. */
async function goBack(begun: readonly Process[], previous: string, settings: Settings): Promise<void> {
  const errors: unknown[] = []
  for (const process of begun)
    await start(process, previous, settings).catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}

/** Where a process names its release, when it does. */
function healthOf({ restart, at }: Process, { UPGRADE_HEALTHS: healths }: Settings): string | undefined {
  return at ?? healths[restart.join(' ')]
}

async function runs(at: string | undefined, release: string): Promise<boolean> {
  return at !== undefined && (await troubleOf(at, release).catch(messageOf)) === undefined
}

/** @param folder the release's, to hold a process with pages back until these were looked at. */
async function start(process: Process, release: string, settings: Settings, folder?: string): Promise<void> {
  const { restart, at } = process
  const [program, ...parameters] = restart
  const health = healthOf(process, settings)
  const isHeld = folder !== undefined && at !== undefined && settings.UPGRADE_HOLDS === 'on'
  async function look(): Promise<void> {
    await runProgram(program, parameters)
    const allowed = { mayBeNameless: at === undefined, isHeld }
    if (health !== undefined) await untilReady(health, release, settings, allowed)
    if (at !== undefined) await mustServe(at, settings.UPGRADE_SLOW_MS)
  }
  if (!isHeld) {
    await look()
    return
  }
  await whileHeld(folder, look)
  await untilReady(at, release, settings)
}

/**
 * Holds back a release's web process that begins during `work`, and lets it go when that ends well. Otherwise, or should
 * this program end, it serves in a while, unless something else was started in its place: nobody keeps the file fresh.
 */
async function whileHeld(folder: string, work: () => Promise<void>): Promise<void> {
  const file = join(folder, HOLD_FILE)
  await writeFile(file, '', { mode: 0o644 })
  const timer = setInterval(() => {
    const now = new Date()
    utimes(file, now, now).catch(() => undefined)
  }, HOLD_FRESH_MS / 5)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  await rm(file, { force: true })
}

async function untilReady(
  at: string,
  release: string,
  { UPGRADE_VERIFY_SECONDS: seconds }: Settings,
  allowed: Allowed = {},
): Promise<void> {
  const until = Date.now() + seconds * 1000
  let trouble: string | undefined = ''
  while (Date.now() < until) {
    trouble = await troubleOf(at, release, allowed).catch(messageOf)
    if (trouble === undefined) return
    await sleep(100)
  }
  throw new Error(`${at} did not answer with it in ${seconds} s: ${trouble}`)
}

const Health = z.object({ release: z.string().optional() })
const Readiness = z.object({ status: z.string() })

/** What a process that was just started may be. */
interface Allowed {
  /** Of a release from before such processes named theirs. */
  readonly mayBeNameless?: boolean
  /** Ready, but for being held back. */
  readonly isHeld?: boolean
}

/** What is missing until a process is ready and of this release. */
async function troubleOf(
  at: string,
  release: string,
  { mayBeNameless = false, isHeld = false }: Allowed = {},
): Promise<string | undefined> {
  const health = await ask(`${at}/healthz`)
  if (mayBeNameless && health.status === 404) return undefined
  const { release: seen = 'none that it names' } = Health.parse(await health.json())
  if (seen !== release) return `it is of the release ${seen}`
  const ready = await ask(`${at}/readyz`)
  // A proxy in front keeps this to itself.
  if (ready.status === 200 || ready.status === 404) return undefined
  const { status } = Readiness.catch({ status: '' }).parse(await ready.json().catch(() => undefined))
  return isHeld && status === 'held' ? undefined : `/readyz answers ${ready.status} ${status}`.trim()
}

/** What a visitor gets first: a release may be alive and ready and answer every page with an error, or too late. */
async function mustServe(at: string, msMax: number): Promise<void> {
  const times: number[] = []
  for (let count = 0; count < LOOKS; count += 1) {
    const began = performance.now()
    // An address of its own each time, so that it is nobody's kept page.
    const response = await ask(`${at}/?look=${began}`)
    await response.arrayBuffer()
    times.push(performance.now() - began)
    if (response.status !== 200) throw new Error(`${at}/ answers ${response.status}`)
  }
  const median = times.sort((one, other) => one - other)[Math.floor(LOOKS / 2)] ?? 0
  if (median > msMax) throw new Error(`${at}/ takes ${Math.round(median)} ms, and ${msMax} are allowed`)
}

function ask(url: string): Promise<Response> {
  return fetch(url, { signal: AbortSignal.timeout(LOOK_MS_MAX), redirect: 'manual' })
}
