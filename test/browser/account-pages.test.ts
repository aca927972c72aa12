import { before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { unsubscribeUrl } from '../../src/domain/mails/choice-service.ts'
import { suppress } from '../../src/domain/mails/suppression-service.ts'
import { createNewsletter, sendNewsletter } from '../../src/domain/newsletters/newsletter-service.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { waitForReplica } from '../support/servers.ts'
import { isFine } from '../support/template-session.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser
let admin: TestUser
let letters: number[]

/** An account with something on each of its pages. */
before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
  admin = await site.user()
  const db = () => site.app.database.open({ writes: true })
  const letter = { subject: 'What came of last year', body: 'Hello **all**', audience: 'all' }
  letters = [await createNewsletter(db(), admin, letter), await createNewsletter(db(), admin, letter)]
  await sendNewsletter(site.app, db(), admin, letters[1] ?? 0)
  const detail = `550 5.1.1 <${admin.email}>: Recipient address rejected: User unknown in virtual mailbox table`
  await suppress(db(), [{ address: admin.email, cause: 'bounce', source: 'smtp', detail }])
  await rowsOf(
    site,
    `insert into mail (recipient, subject, text_body, html_body, sent, error) values
       ($1, 'Your export of A project with a rather long name is ready', 'Hello', '<p>Hello</p>', now(), null),
       ($1, 'Done', 'Hello', '<p>Hello</p>', null, $2)`,
    [admin.email, detail],
  )
  await rowsOf(
    site,
    `insert into outbox (job, payload, attempts, failed, error)
     select job, '{"mailId": 7}', 3, now(), $1 from unnest(array['send-mail', 'send-mail', 'draw-task-pictures']) job`,
    [detail],
  )
  await rowsOf(
    site,
    `insert into account_export (user_id, state, file_key, bytes, expires) values
       ($1, 'waiting', null, null, null), ($1, 'done', 'a/b', 2048, now() + interval '7 days')`,
    [admin.id],
  )
  await waitForReplica()
})

const LOOKS = [
  { viewport: { width: 360, height: 740 }, colorScheme: 'light' },
  { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
] as const

for (const look of LOOKS) {
  const { viewport, colorScheme } = look
  test(`the pages of an account and its mails are accessible at ${viewport.width} px, ${colorScheme}`, async (t) => {
    const page = await openAsOwner(t, { site, browser, owner: admin }, '/account/profile', look)
    await page.getByRole('link', { name: 'Get all your data' }).waitFor()
    const paths = [
      '/account/profile',
      '/account/mail',
      '/admin/mail',
      '/admin/jobs',
      `/admin/newsletters/${letters[1] ?? 0}`,
    ]
    // The others are made of the same parts.
    const more = [
      '/account/mail/choices',
      new URL(unsubscribeUrl(site.app, admin.id, 'newsletter')).pathname,
      '/admin/newsletters',
      `/admin/newsletters/${letters[0] ?? 0}`,
      `/account/${admin.name}/export`,
      `/account/${admin.name}/delete`,
      '/account/newsletter',
      '/account/confirm-email',
      '/account/forgot-password',
    ]
    for (const path of viewport.width === 360 ? [...paths, ...more] : paths) {
      await page.goto(site.url + path)
      await isFine(page, path.slice(1).replaceAll('/', '-'))
    }
  })
}
