import assert from 'node:assert/strict'
import { test } from 'node:test'
import { restoreVersion } from '../../../src/domain/presenters/version-service.ts'
import { getProject } from '../../../src/domain/projects/project-service.ts'
import { jsonStatement } from '../../../src/domain/exports/copy-repository.ts'
import { copyOut } from '../../../src/platform/copy.ts'
import { startTestApp } from '../../support/app.ts'
import { keyContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import type { BuiltProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const db = () => site.app.database.open({ writes: true })

async function currentVersion({ id }: BuiltProject): Promise<number> {
  return (await getProject(db(), owner, id)).presenterVersionId ?? 0
}

test('a task run names the presenter version it was given with, and the export shows it', async () => {
  const project = await publishedProject(site, owner, { tasks: 4 })
  const other = await currentVersion(await publishedProject(site, owner))
  const old = await currentVersion(project)
  const { id: now } = await restoreVersion(db(), owner, await getProject(db(), owner, project.id), old)
  const who = keyContributor(site, project, await site.user())
  const headers = [undefined, String(old), String(other), String(now)]
  for (const header of headers) {
    const { body: task } = (await who.newTask().expect(200)) as { body: { id: number } }
    const submitted = who.submit(task.id)
    if (header !== undefined) submitted.set('X-Presenter-Version', header)
    await submitted.expect(200)
  }
  // A client that does not say saw the current one; one of another project cannot be what it was given with.
  const recorded = await rowsOf<{ version: number }>(
    site,
    'select presenter_version as version from task_run where project_id = $1 order by id',
    [project.id],
  )
  assert.deepEqual(
    recorded.map(({ version }) => version),
    [now, old, now, now],
  )
  await waitForReplica()
  const [moment] = await rowsOf<{ cut: string }>(site, 'select pg_current_snapshot()::text as cut')
  const cut = { projectId: project.id, cut: moment?.cut ?? '', since: null }
  const range = { afterId: 0, lastId: Number.MAX_SAFE_INTEGER }
  const parts: Buffer[] = []
  await db().read((reader) =>
    copyOut(reader, jsonStatement(cut, 'task_run', range), (part) => Promise.resolve(void parts.push(part))),
  )
  const exported = Buffer.concat(parts)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { presenter_version: number })
  assert.deepEqual(
    exported.map(({ presenter_version: version }) => version),
    [now, old, now, now],
  )
})
