import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failExport, listProjectExports, requestExport } from '../../../src/domain/exports/export-service.ts'
import { NotFoundError } from '../../../src/lib/errors.ts'
import { FileStoreError } from '../../../src/platform/files.ts'
import { newOwner, newProject, startJobApp } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'

test('an owner is told why an export failed as far as a person can act on it', async (t) => {
  const jobApp = await startJobApp(t)
  const { app, db, sql } = jobApp
  const owner = await newOwner(jobApp)
  const project = await newProject(jobApp, owner)
  const noRoom = new FileStoreError('full', 'The folder has no room left.', {})
  const away = new FileStoreError('away', 'The bucket a of b cannot be reached.', {})
  const cases: [unknown, RegExp][] = [
    [new NotFoundError('project', 7), /There is no project 7/],
    [new Error('wrapped', { cause: new NotFoundError('project', 8) }), /There is no project 8/],
    [noRoom, /no room left/],
    [new Error('wrapped', { cause: noRoom }), /no room left/],
    [away, /cannot be reached at the moment/],
    [new TypeError('secret of ours'), /trying again may help/],
    ['a text', /trying again may help/],
  ]
  for (const [error, reason] of cases) {
    const { id } = await requestExport(app, db(), owner, project, { what: 'task', format: 'csv' })
    await db().write((tx) => failExport(app, tx, id, error))
    await waitForReplica()
    const [newest] = await listProjectExports(db(), owner, project)
    assert.equal(newest?.state, 'failed')
    assert.match(newest.error ?? '', reason)
    const [mail] = await sql('select text_body from mail order by id desc limit 1')
    assert.match(String(mail?.['text_body']), reason)
  }
})

test('the failure of an export that nobody knows of any more is told to nobody', async (t) => {
  const { app, db, sql } = await startJobApp(t)
  await db().write((tx) => failExport(app, tx, 999, new Error('gone')))
  assert.deepEqual(await sql('select 1 from mail'), [])
})
