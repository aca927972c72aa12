import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { askForAddress } from '../../src/domain/accounts/address-service.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { waitForReplica } from '../support/servers.ts'
import { hasNoFaults } from '../support/template-session.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser
let admin: TestUser
let confirm: string

/** Featured projects, a category of more than one page, one without projects, and a link for another address. */
before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
  admin = await site.user()
  const { id } = await publishedProject(site, admin, { tasks: 3 })
  const change = { email: 'another-address-of-mine@example.org', password: admin.password }
  await askForAddress(site.app, site.app.database.open({ writes: true }), change, admin)
  const [mail] = await rowsOf<{ text: string }>(
    site,
    `select text_body as text from mail where recipient = $1`,
    [change.email],
  )
  confirm = /\/account\/email\/confirm\S+/.exec(mail?.text ?? '')?.[0] ?? ''
  await rowsOf(
    site,
    `insert into category (name, short_name, description)
     values ('Transcription of handwritten letters and diaries', 'transcription', 'Old hands that no program reads yet')`,
  )
  await rowsOf(
    site,
    `insert into project (name, short_name, description, owner_id, category_id, published, featured, secret_key_sealed)
     select case when n = 3 then 'Donaudampfschifffahrtsgesellschaftskapitänsmützen in old photographs'
                 else 'Birds of region ' || n end,
            'birds-' || n, 'Which of these pictures show a bird, and what does it do there?', $1,
            (select min(id) from category), true, n < 5, 'x' from generate_series(1, 24) n`,
    [admin.id],
  )
  await rowsOf(site, 'update project set featured = true where id = $1', [id])
  await waitForReplica()
})

const LOOKS = [
  { viewport: { width: 360, height: 740 }, colorScheme: 'light' },
  { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
] as const

/** The other two of each page differ from these in colours or width alone; who looks at pictures gets all four. */
const MORE_LOOKS = [
  { viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
  { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
] as const

const folder = process.env['SCREENSHOTS']

for (const look of folder ? [...LOOKS, ...MORE_LOOKS] : LOOKS) {
  const { viewport, colorScheme } = look
  test(`lists of projects and what admins do with them are accessible at ${viewport.width} px, ${colorScheme}`, async (t) => {
    const page = await openAsOwner(t, { site, browser, owner: admin }, '/account/profile', look)
    await page.getByRole('link', { name: 'Change your e-mail address' }).waitFor()
    const paths = {
      category: '/project/category/thinking/page/2/',
      'admin-featured': '/admin/featured',
      'admin-categories': '/admin/categories',
      email: '/account/email',
    }
    // These are made of the same parts.
    const more = {
      home: '/',
      list: '/project/',
      featured: '/project/category/featured/',
      empty: '/project/category/transcription/',
      'admin-category': '/admin/categories/update/1',
      'admin-delete': '/admin/categories/del/1',
      'email-confirm': confirm,
      profile: '/account/profile',
    }
    const isWhole = folder !== undefined || viewport.width === 360
    for (const [name, path] of Object.entries({ ...paths, ...(isWhole ? more : {}) })) {
      const response = await page.goto(site.url + path)
      assert.equal(response?.status(), 200, path)
      await hasNoFaults(page)
      const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
      assert.equal(isWide, false, `${path} at ${viewport.width}`)
      if (folder)
        await page.screenshot({
          path: `${folder}/${name}-${viewport.width}-${colorScheme}.png`,
          fullPage: true,
        })
    }
    await page.goto(`${site.url}/admin/categories`)
    await page.getByRole('button', { name: 'Add category' }).click()
    await page.getByRole('alert').waitFor()
    await hasNoFaults(page)
  })
}
