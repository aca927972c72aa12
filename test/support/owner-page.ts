import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { TestApp, TestUser } from './app.ts'
import { waitForReplica } from './servers.ts'
import type { Ending } from './servers.ts'

/** A browser in which an owner is signed in and has this page of the site open. */
export async function openAsOwner(
  t: Ending,
  { site, browser, owner }: { site: TestApp; browser: Browser; owner: TestUser },
  path: string,
  options?: BrowserContextOptions,
): Promise<Page> {
  const context = await browser.newContext(options)
  t.after(() => context.close())
  await waitForReplica()
  await context.addCookies(owner.cookies.map((cookie) => ({ ...cookie, url: site.url })))
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  await page.goto(site.url + path)
  return page
}
