import { test } from 'node:test'
import { startTestApp } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { waitForReplica } from '../support/servers.ts'
import { isFineEverywhere } from '../support/template-session.ts'

const ending = untilFileEnds()
const [site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])

/** A project with every format, a bucket, and exports that ended in every way. */
async function fill(projectId: number, ownerId: number): Promise<void> {
  await rowsOf(
    site,
    `insert into presenter_version (project_id, kind, template, settings)
     select $1, 'template', template, '{}' from unnest(array['image-regions', 'map', 'audio']) template`,
    [projectId],
  )
  await rowsOf(
    site,
    `insert into project_export (project_id, user_id, what, format, state, n_rows, bytes, error, started, finished,
                                 delivered, delivery_error)
     values ($1, $2, 'wide', 'webannotation', 'done', 1200, 34000, null, now(), now(), now(), null),
            ($1, $2, 'wide', 'coco', 'done', 1200, 34000, null, now(), now(), null,
             'The bucket birds of https://s3.example.org refuses this key and secret (SignatureDoesNotMatch).'),
            ($1, $2, 'task', 'csv', 'failed', null, null, 'There is no room left for its file on our side.', now(),
             now(), null, null),
            ($1, $2, 'task_run', 'csv', 'running', 340000, null, null, now(), null, null, null)`,
    [projectId, ownerId],
  )
  await rowsOf(
    site,
    `insert into export_bucket values ($1, 'https://s3.example.org', 'eu-1', 'birds', 'daily/', 'AKIA1', 'sealed', true)`,
    [projectId],
  )
  await rowsOf(
    site,
    `insert into export_subscription (project_id, user_id, what, format, period, to_bucket, next_due)
     values ($1, $2, 'wide', 'coco', 'daily', true, now() + interval '1 day')`,
    [projectId, ownerId],
  )
  await waitForReplica()
}

test('exports, their formats and their bucket are readable at any width, in light and dark, by anybody', async (t) => {
  const owner = await site.user()
  const { id, shortName } = await publishedProject(site, owner)
  await fill(id, owner.id)
  const exports = `/project/${shortName}/tasks/export`
  const page = await openAsOwner(t, { site, browser, owner }, exports)
  for (const [name, path] of Object.entries({
    exports,
    bucket: `${exports}/bucket`,
    settings: `/project/${shortName}/update`,
  })) {
    await page.goto(`${site.url}${path}`)
    for (const closed of await page.locator('details:not([open]) > summary').all()) await closed.click()
    await isFineEverywhere(page, `exports-${name}`)
  }
})
