import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { waitForReplica } from '../support/servers.ts'
import { isFineEverywhere } from '../support/template-session.ts'

const ending = untilFileEnds()
const site = await startTestApp(ending)
const browser = await startChromium(ending)

test('the status page and the incidents behind it fit every screen and every reader', async (t) => {
  const admin = await site.user('ada')
  await rowsOf(
    site,
    `insert into status_day select current_date - n, component, 1440, case when n % 17 = 0 then n * 2 when n % 5 = 0 then 3 else 0 end
       from generate_series(1, 89) n, unnest(array['contributing', 'pages', 'exports']) component`,
  )
  await rowsOf(
    site,
    `insert into status_minute select minute, component, 9, (component = 'exports')::int
       from generate_series(date_trunc('day', now() at time zone 'UTC') at time zone 'UTC', now(), interval '1 minute') minute,
            unnest(array['contributing', 'pages', 'exports']) component`,
  )
  await rowsOf(
    site,
    `insert into incident (title, components, began, ended) values
       ('Exports take longer than usual', '{exports}', now() - interval '20 minutes', null),
       ('Pages could not be reached', '{contributing,pages}', now() - interval '9 days', now() - interval '9 days' + interval '14 minutes');
     insert into incident_note (incident_id, body, created)
       select id, 'A disk was full. Nothing is lost; exports wait and come by themselves.', began from incident`,
  )
  await waitForReplica()
  const page = await openAsOwner(t, { site, browser, owner: admin }, '/status')
  for (const path of ['/status', '/admin/incidents']) {
    await page.goto(site.url + path)
    await isFineEverywhere(page, path.slice(1).replaceAll('/', '-'))
  }
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Incidents')
})
