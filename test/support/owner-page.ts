import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { TestApp, TestUser } from './app.ts'
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
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  await page.goto(`${site.url}/account/signin?next=${encodeURIComponent(path)}`)
  await page.getByLabel('E-mail').fill(owner.email)
  await page.getByLabel('Password').fill(owner.password)
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click()
  return page
}
