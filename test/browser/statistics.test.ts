import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { waitForReplica } from '../support/servers.ts'
import { isFineEverywhere } from '../support/template-session.ts'

const ending = untilFileEnds()
const [site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])

/** Two weeks of answers, as the jobs would have counted them. */
async function fill(projectId: number): Promise<void> {
  await rowsOf(
    site,
    `with people as (
       insert into user_account (name, full_name, email, privacy_mode)
       select 'person' || n, 'Person number ' || n, 'person' || n || '@example.org', n % 2 = 0
         from generate_series(1, 8) n returning id),
     contributors as (
       insert into contributor (kind, user_id) select 'user', id from people returning id, user_id),
     devices as (
       insert into contributor (kind, device_id, made_up_ip)
       select 'device', gen_random_uuid(), '245.1.2.' || n from generate_series(1, 6) n returning id),
     worked as (
       insert into activity (project_id, hour, contributor_id, n_runs)
       select $1, date_trunc('hour', now()) - n * interval '5 hours', c.id, 1 + (n * c.id) % 7
         from generate_series(0, 66) n, (select id from contributors union all select id from devices) c
        where (n + c.id) % 3 = 0),
     ranked as (
       insert into leader (period, rank, user_id, n_runs)
       select 'all', row_number() over (order by id), id, 1234 - id from people)
     insert into project_hour (project_id, hour, n_anonymous, n_authenticated, n_completed_tasks)
     select $1, date_trunc('hour', now()) - n * interval '5 hours', (n * 13) % 40, (n * 29) % 70, n % 9
       from generate_series(0, 66) n`,
    [projectId],
  )
  await rowsOf(site, 'insert into project_counted values ($1, now())', [projectId])
  await rowsOf(
    site,
    'update project_total set n_completed_tasks = 400, n_tasks = 900 where project_id = $1',
    [projectId],
  )
  await rowsOf(
    site,
    `insert into site_day select now()::date - n, 60 - n, 800 - 30 * n, 12 - n / 3, 4, 9000, 5000 - 300 * n
       from generate_series(0, 9) n`,
  )
  await waitForReplica()
}

test('statistics and leaderboards are readable at any width, in light and dark, by anybody', async (t) => {
  const owner = await site.user()
  const { id, shortName } = await publishedProject(site, owner)
  await fill(id)
  const pages = { project: `/project/${shortName}/stats`, site: '/stats/', leaderboard: '/leaderboard/' }
  const context = await browser.newContext()
  t.after(() => context.close())
  const page = await context.newPage()
  for (const [name, path] of Object.entries(pages)) {
    const response = await page.goto(site.url + path)
    assert.equal(response?.status(), 200)
    await isFineEverywhere(page, `statistics-${name}`)
  }
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 })
    await page.goto(site.url + pages.project)
    await page.getByText('The numbers as a table').first().press('Enter')
    assert.equal(await page.getByRole('table').first().getByRole('row').count(), 15, `${width} wide`)
  }
})
