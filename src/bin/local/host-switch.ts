import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { messageOf } from '../../lib/errors.ts'
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
  const previous = await releases.current()
  const begun: Process[] = []
  await releases.switchTo(release)
  try {
    for (const process of settings.UPGRADE_PROCESSES) {
      if (await runs(healthOf(process, settings), release)) continue
      begun.push(process)
      await start(process, release, settings)
    }
  } catch (error) {
    const why = `${release.slice(0, 7)} does not work here: ${messageOf(error)}`
    if (previous === undefined || previous === release)
      throw new Error(`${why}. There is no earlier release to go back to.`, { cause: error })
    await releases.switchTo(previous)
    for (const process of begun) await start(process, previous, settings)
    throw new TakenBackError(`${why}. This host runs ${previous.slice(0, 7)} again.`, { cause: error })
  }
}

/** Where a process names its release, when it does. */
function healthOf({ restart, at }: Process, { UPGRADE_HEALTHS: healths }: Settings): string | undefined {
  return at ?? healths[restart.join(' ')]
}

async function runs(at: string | undefined, release: string): Promise<boolean> {
  return at !== undefined && (await troubleOf(at, release).catch(messageOf)) === undefined
}

async function start(process: Process, release: string, settings: Settings): Promise<void> {
  const { restart, at } = process
  const [program, ...parameters] = restart
  await runProgram(program, parameters)
  const health = healthOf(process, settings)
  if (health !== undefined) await untilReady(health, release, settings, { hasPages: at !== undefined })
  if (at !== undefined) await mustServe(at, settings.UPGRADE_SLOW_MS)
}

async function untilReady(
  at: string,
  release: string,
  { UPGRADE_VERIFY_SECONDS: seconds }: Settings,
  { hasPages }: { hasPages: boolean },
): Promise<void> {
  const until = Date.now() + seconds * 1000
  let trouble: string | undefined = ''
  while (Date.now() < until) {
    trouble = await troubleOf(at, release, { mayBeNameless: !hasPages }).catch(messageOf)
    if (trouble === undefined) return
    await sleep(100)
  }
  throw new Error(`${at} did not answer with it in ${seconds} s: ${trouble}`)
}

const Health = z.object({ release: z.string().optional() })

/**
 * What is missing until a process is ready and of this release.
 *
 * @param mayBeNameless it was just started, and may be of a release from before such processes named theirs.
 */
async function troubleOf(
  at: string,
  release: string,
  { mayBeNameless = false } = {},
): Promise<string | undefined> {
  const health = await ask(`${at}/healthz`)
  if (mayBeNameless && health.status === 404) return undefined
  const { release: seen = 'none that it names' } = Health.parse(await health.json())
  if (seen !== release) return `it is of the release ${seen}`
  const { status } = await ask(`${at}/readyz`)
  // A proxy in front keeps this to itself.
  return status === 200 || status === 404 ? undefined : `/readyz answers ${status}`
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
