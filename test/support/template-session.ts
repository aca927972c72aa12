import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, BrowserContextOptions, FrameLocator, Locator, Page } from 'playwright-core'
import { getTemplate, parseTemplatePresenter } from '../../src/domain/presenters/templates.ts'
import type { JsonObject } from '../../src/lib/bridge.ts'
import { defaultSettings } from '../../src/lib/templates/settings.ts'
import type { Json } from '../../src/platform/schema.ts'
import { templateSamples } from '../../src/web/pages/template-samples.ts'
import { startTestApp } from './app.ts'
import type { TestApp } from './app.ts'
import { startChromium } from './chromium.ts'
import { contribute } from './contribution.ts'
import { untilFileEnds } from './file-ending.ts'

/** What a session can do, so that none can drag: presses by mouse or finger, keys, and looking. */
export interface Hands {
  readonly frame: FrameLocator
  readonly page: Page
  /** By a click or a tap, in the middle unless told where. Not for keyboard sessions. */
  press(target: Locator, position?: { x: number; y: number }): Promise<void>
  /** Keys one after the other, as `Page.keyboard.press` names them. */
  keys(...keys: string[]): Promise<void>
  /** Text into whatever has the focus. */
  type(text: string): Promise<void>
  /** Presses Tab, or Shift+Tab, until this has the focus. */
  tabTo(target: Locator, how?: 'Tab' | 'Shift+Tab'): Promise<void>
}

type Session = (hands: Hands) => Promise<void>

export interface TemplateSessions {
  template: string
  /** What differs from the form's defaults. */
  settings: JsonObject
  /** How the test is called when a template has several. */
  name?: string
  /** The infos of the tasks; the first sample tasks of the template when it is a number. */
  tasks: number | Json[]
  /** Everything from the first task to the last, in order. */
  mouse: Session
  touch: Session
  keyboard: Session
  /** The info of each task run of each session; a function checks what no hand can do the same twice. */
  stored: Json[] | ((infos: Json[]) => void)
  /** Resolves when the first task can be worked on. */
  ready(frame: FrameLocator): Promise<void>
}

const TABS_MAX = 80
const WIDEST = `Math.max(...['html', '.task'].map((part) => document.querySelector(part).scrollWidth))`
const DESK: BrowserContextOptions = { viewport: { width: 1280, height: 800 } }
const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  hasTouch: true,
  isMobile: true,
}

/**
 * The tests of a ready template: a scripted session by mouse, by touch at 360 pixels, and by keyboard alone, each
 * compared with what was stored; nothing wider than a telephone; and no accessibility faults, light and dark.
 */
export function testTemplate(sessions: TemplateSessions): void {
  const name = sessions.name ?? sessions.template
  const start = startOnce()

  for (const [way, context] of [
    ['mouse', DESK],
    ['touch', PHONE],
    ['keyboard', DESK],
  ] as const) {
    test(`${name} by ${way} alone stores what was said`, async (t) => {
      const opened = await openTemplate(t, { ...(await start()), sessions, context })
      await sessions[way](handsOf(opened, way))
      await opened.page.locator('#finished-panel').waitFor()
      const stored = await opened.stored()
      if (typeof sessions.stored === 'function') sessions.stored(stored)
      else assert.deepEqual(stored, sessions.stored)
    })
  }

  test(`${name} fits a telephone, and has no accessibility faults, light and dark`, async (t) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await openTemplate(t, {
        ...(await start()),
        sessions,
        context: { ...PHONE, colorScheme },
      })
      const overflow = await page.frames().at(-1)?.evaluate<number>(WIDEST)
      assert.ok(overflow !== undefined && overflow <= 360, `${overflow} pixels wide`)
      await hasNoFaults(page)
    }
  })
}

let starting: (() => Promise<{ site: TestApp; browser: Browser }>) | undefined

/** The site and the browser of a test file, which all its templates share. */
function startOnce() {
  if (starting) return starting
  const ending = untilFileEnds()
  let started: Promise<{ site: TestApp; browser: Browser }> | undefined
  const both = async () => {
    const [site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
    return { site, browser }
  }
  starting = () => (started ??= both())
  return starting
}

/** Fails for what axe finds on a page and in its frames. */
export async function hasNoFaults(page: Page, { without }: { without?: string } = {}): Promise<void> {
  assert.deepEqual(await faultsOf(page, without), [])
}

/** Fails for what axe finds on a page, and for what is behind its edge. Drawn into the folder `SHOTS`, where that is set. */
export async function isFine(page: Page, name: string): Promise<void> {
  await hasNoFaults(page)
  const { width = 0 } = page.viewportSize() ?? {}
  const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
  assert.equal(isWide, false, `${name} is wider than ${width} pixels`)
  const folder = process.env['SHOTS']
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}-${width}.png`, fullPage: true })
}

/** The same on a telephone and a desk, in light and dark. */
export async function isFineEverywhere(page: Page, name: string): Promise<void> {
  for (const [width, colorScheme] of [
    [360, 'light'],
    [1280, 'dark'],
  ] as const) {
    await page.setViewportSize({ width, height: 900 })
    // Without motion, which would be caught half way.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await isFine(page, name)
  }
}

/** What axe finds on a page and in its frames, by its rule. */
async function faultsOf(page: Page, without?: string): Promise<string[]> {
  // A colour on its way to another is neither of the two.
  await page.emulateMedia({ reducedMotion: 'reduce' })
  // Only what frames of other sites say is put together on a page of its own, which takes as long as the looking.
  const whole = new AxeBuilder({ page }).setLegacyMode(page.frames().length === 1)
  const { violations } = await (without === undefined ? whole : whole.exclude(without)).analyze()
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`)
}

interface Opening {
  site: TestApp
  browser: Browser
  sessions: TemplateSessions
  context: BrowserContextOptions
}

async function openTemplate(t: TestContext, { site, browser, sessions, context }: Opening) {
  const { template, settings, tasks } = sessions
  const whole = { ...defaultSettings(getTemplate(template)), question: 'What is it?', ...settings }
  const presenter = parseTemplatePresenter(template, whole, '')
  const infos =
    typeof tasks === 'number'
      ? (await templateSamples(site.app, getTemplate(template))).slice(0, tasks)
      : tasks
  const opened = await contribute(t, site, browser, { presenter, infos, context })
  await sessions.ready(opened.frame)
  return opened
}

function handsOf({ page, frame }: { page: Page; frame: FrameLocator }, way: string): Hands {
  return {
    page,
    frame,
    async press(target, position) {
      assert.notEqual(way, 'keyboard', 'a keyboard session presses nothing but keys')
      const options = position ? { position } : {}
      await (way === 'touch' ? target.tap(options) : target.click(options))
    },
    async keys(...keys) {
      for (const key of keys) await page.keyboard.press(key)
    },
    async type(text) {
      await page.keyboard.type(text)
    },
    async tabTo(target, how = 'Tab') {
      await target.waitFor()
      for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
        if ((await target.and(frame.locator(':focus')).count()) > 0) return
        await page.keyboard.press(how)
      }
      assert.fail(`${TABS_MAX} tabs did not reach ${target.toString()}`)
    },
  }
}
