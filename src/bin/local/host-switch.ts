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

const Processes = z
  .array(
    z.strictObject({
      /** What starts it anew. */
      restart: Program,
      /** Where it answers, when it does. */
      at: z.url({ protocol: /^https?$/ }).optional(),
      /** Whether it has a home page there. */
      hasPages: z.boolean().default(true),
    }),
  )
  .min(1)

export const SwitchVariables = z.object({
  UPGRADE_PROCESSES: z.string().transform((value) => Processes.parse(JSON.parse(value))),
  UPGRADE_VERIFY_SECONDS: z.coerce.number().positive().default(60),
  UPGRADE_SLOW_MS: z.coerce.number().positive().default(2_000),
})

type Settings = z.output<typeof SwitchVariables>

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
  const begun: Settings['UPGRADE_PROCESSES'] = []
  await releases.switchTo(release)
  try {
    for (const process of settings.UPGRADE_PROCESSES) {
      if (await runs(process.at, release)) continue
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

async function runs(at: string | undefined, release: string): Promise<boolean> {
  return at !== undefined && (await troubleOf(at, release).catch(messageOf)) === undefined
}

async function start(
  { restart: [program, ...parameters], at, hasPages }: Settings['UPGRADE_PROCESSES'][number],
  release: string,
  settings: Settings,
): Promise<void> {
  await runProgram(program, parameters)
  if (at !== undefined) {
    await untilReady(at, release, settings.UPGRADE_VERIFY_SECONDS)
    if (hasPages) await mustServe(at, settings.UPGRADE_SLOW_MS)
  }
}

async function untilReady(at: string, release: string, seconds: number): Promise<void> {
  const until = Date.now() + seconds * 1000
  let trouble: string | undefined = ''
  while (Date.now() < until) {
    trouble = await troubleOf(at, release).catch(messageOf)
    if (trouble === undefined) return
    await sleep(100)
  }
  throw new Error(`${at} did not answer with it in ${seconds} s: ${trouble}`)
}

const Health = z.object({ release: z.string().optional() })

/** What is missing until a process is ready and of this release. */
async function troubleOf(at: string, release: string): Promise<string | undefined> {
  const health = await ask(`${at}/healthz`)
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
