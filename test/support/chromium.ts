import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'
import { recordCoverage } from './browser-coverage.ts'
import type { Ending } from './servers.ts'

const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run']

/** A real Chromium that ends with the test. CHROMIUM_SLOW_MO makes it wait so many milliseconds before each action. */
export async function startChromium(t: Ending, ...args: string[]): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
  const slowMo = Number(process.env['CHROMIUM_SLOW_MO'] ?? 0)
  const browser = await chromium.launch({ executablePath, slowMo, args: [...QUIET, ...args] })
  recordCoverage(browser)
  t.after(() => browser.close())
  return browser
}
