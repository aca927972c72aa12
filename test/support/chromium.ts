import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'
import { recordCoverage } from './browser-coverage.ts'
import type { Ending } from './servers.ts'

const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run']
/** The same engine without a window's parts, for a third less processor time. */
const SHELL = '/usr/bin/chromium-headless-shell'

/** What CHROMIUM names; else Debian's Chromium, by preference the one without windows. */
function chromiumProgram(): string {
  return process.env['CHROMIUM'] ?? (existsSync(SHELL) ? SHELL : '/usr/bin/chromium')
}

/** A real Chromium that ends with the test. CHROMIUM_SLOW_MO makes it wait so many milliseconds before each action. */
export async function startChromium(t: Ending, ...args: string[]): Promise<Browser> {
  const slowMo = Number(process.env['CHROMIUM_SLOW_MO'] ?? 0)
  const browser = await chromium.launch({
    executablePath: chromiumProgram(),
    slowMo,
    args: [...QUIET, ...args],
  })
  recordCoverage(browser)
  t.after(() => browser.close())
  return browser
}
