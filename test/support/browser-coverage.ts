import { randomUUID } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core'
import { PYBOSSA_FILES } from '../../src/lib/pybossa-files.ts'
import { assetsFolder } from './servers.ts'

/** What ran of one script, in Chromium's own form. */
interface ScriptCoverage {
  url: string
  functions: unknown[]
}

interface Attached {
  sessionId: string
}

interface Received {
  sessionId: string
  message: string
}

/** Chromium forgets what ran in a page it leaves, so it is asked this often. */
const ASK_EVERY_MS = 400
const PATIENCE_MS = 5_000

/**
 * Records which of our code runs in a browser's pages, and in the frames of other sites within them, which run in
 * processes of their own. Does nothing unless the whole test run asks for it.
 */
export function recordCoverage(browser: Browser): void {
  const folder = process.env['MANYHANDS_BROWSER_COVERAGE']
  if (folder === undefined) return
  const newContext = browser.newContext.bind(browser)
  browser.newContext = async (...options) => recordContext(await newContext(...options), folder)
}

function recordContext(context: BrowserContext, folder: string): BrowserContext {
  const recordings: PageRecording[] = []
  const newPage = context.newPage.bind(context)
  const close = context.close.bind(context)
  context.newPage = async () => {
    const page = await newPage()
    const recording = await recordPage(page)
    recordings.push(recording)
    const closePage = page.close.bind(page)
    page.close = async (...options) => {
      await recording.ask()
      await closePage(...options)
    }
    return page
  }
  context.close = async (...options) => {
    await Promise.all(recordings.map((recording) => recording.ask()))
    for (const recording of recordings) recording.stop()
    await save(
      folder,
      recordings.flatMap(({ scripts }) => scripts),
    )
    await close(...options)
  }
  return context
}

interface PageRecording {
  readonly scripts: ScriptCoverage[]
  /** Fetches what ran since the last time. */
  ask(): Promise<void>
  stop(): void
}

async function recordPage(page: Page): Promise<PageRecording> {
  const session = await page.context().newCDPSession(page)
  const scripts: ScriptCoverage[] = []
  const frames = attachFrames(session)
  const takes = () => [session.send('Profiler.takePreciseCoverage'), ...frames.takes()]
  const ask = async () => {
    // A page or frame that is gone has nothing more to say; one that crashed or never ends its script does not even say so.
    const late = sleep(PATIENCE_MS, [], { ref: false })
    for (const taken of await Promise.race([Promise.allSettled(takes()), late])) {
      if (taken.status === 'fulfilled') scripts.push(...scriptsOf(taken.value))
    }
  }
  await session.send('Profiler.enable')
  await session.send('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  await session.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: true,
    flatten: false,
  })
  const timer = setInterval(() => void ask(), ASK_EVERY_MS)
  timer.unref()
  return { scripts, ask, stop: () => clearInterval(timer) }
}

/** Follows frames in processes of their own: Playwright has no session for these that begins before their first line. */
function attachFrames(session: CDPSession): { takes(): Promise<unknown>[] } {
  const attached = new Set<string>()
  const waiting = new Map<number, (result: unknown) => void>()
  let calls = 0
  const call = (sessionId: string, method: string, params: object = {}) => {
    const id = (calls += 1)
    const message = JSON.stringify({ id, method, params })
    session
      .send('Target.sendMessageToTarget', { sessionId, message })
      .catch(() => waiting.get(id)?.(undefined))
    return new Promise<unknown>((resolve) => waiting.set(id, resolve))
  }
  session.on('Target.attachedToTarget', ({ sessionId }: Attached) => {
    attached.add(sessionId)
    void call(sessionId, 'Profiler.enable')
    void call(sessionId, 'Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    void call(sessionId, 'Runtime.runIfWaitingForDebugger')
  })
  session.on('Target.detachedFromTarget', ({ sessionId }: Attached) => {
    attached.delete(sessionId)
    for (const answer of waiting.values()) answer(undefined)
  })
  session.on('Target.receivedMessageFromTarget', ({ message }: Received) => {
    const { id, result } = JSON.parse(message) as { id?: number; result?: unknown }
    if (id === undefined) return
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  return { takes: () => [...attached].map((sessionId) => call(sessionId, 'Profiler.takePreciseCoverage')) }
}

/** What ran of scripts, each with an address; a script without one was made by another. */
function scriptsOf(taken: unknown): ScriptCoverage[] {
  const { result = [] } = (taken ?? {}) as { result?: ScriptCoverage[] }
  return result.filter(({ url }) => URL.canParse(url))
}

/** Keeps scripts and source maps beside what ran of them: the folder they were built into goes with the test run. */
async function save(folder: string, scripts: readonly ScriptCoverage[]): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const assets = await assetsFolder()
  const manifest = JSON.parse(readFileSync(join(assets, 'manifest.json'), 'utf8')) as Record<string, string>
  const list = scripts.flatMap(({ url, functions }) => {
    const file = builtFile(new URL(url).pathname, manifest)
    return file !== undefined && existsSync(join(assets, `${file}.map`)) ? [{ file, functions }] : []
  })
  if (list.length === 0) return
  for (const name of new Set(list.map(({ file }) => file))) {
    for (const file of [name, `${name}.map`]) {
      if (!existsSync(join(folder, file))) copyFileSync(join(assets, file), join(folder, file))
    }
  }
  writeFileSync(join(folder, `${randomUUID()}.json`), JSON.stringify(list))
}

/** The file built from src/browser that has this address: its stamped one, or one that stays for presenters. */
function builtFile(path: string, manifest: Record<string, string>): string | undefined {
  const [, tool] = /^\/tools\/([^/]+)$/.exec(path) ?? []
  const name = tool === undefined ? PYBOSSA_FILES.get(path) : `tool-${tool}`
  return name === undefined ? /^\/static\/([^/]+\.js)$/.exec(path)?.[1] : manifest[name]
}
