import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { draftImport, getImport, storeImport } from '../../../src/domain/imports/import-service.ts'
import type { Project } from '../../../src/domain/projects/project-service.ts'
import type { TaskInput } from '../../../src/domain/tasks/task-service.ts'
import type { User } from '../../../src/domain/users/user-service.ts'
import { newOwner, newProject, startJobApp } from '../../support/jobs.ts'
import type { JobApp } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'

async function* three(fails = false): AsyncGenerator<TaskInput> {
  for (const n of [1, 2, 3]) {
    if (fails && n === 3) throw new Error('the last row is broken')
    yield await Promise.resolve({ info: { n }, nAnswers: 1 })
  }
}

/** Keeps a draft, and stores it with the tasks given. */
async function startDraft(job: JobApp, owner: User, project: Project) {
  const { app, db } = job
  const source = { importer: 'csv', fileName: 'list.csv', content: Readable.from(['n\n1\n2\n3\n']) }
  const id = await draftImport(app, db(), owner, project, source)
  await waitForReplica()
  const record = await getImport(db(), owner, project, id)
  const store = (tasks: AsyncIterable<TaskInput>) =>
    storeImport(app, db(), owner, project, { record, options: {}, tasks })
  return { record, store }
}

test('a draft is stored by the first of those who confirm it, whatever the second one read before', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const { record, store } = await startDraft(job, owner, project)
  await store(three())
  await store(three())
  assert.deepEqual(await job.sql('select n_added, n_skipped, state from task_import'), [
    { n_added: 3, n_skipped: 0, state: 'done' },
  ])
  assert.equal(await job.app.files.size(record.fileKey), undefined)
})

test('a draft whose last row fails leaves no task, and can be stored later', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const { record, store } = await startDraft(job, owner, project)
  await assert.rejects(store(three(true)), /the last row is broken/)
  assert.deepEqual(await job.sql('select 1 from task'), [])
  assert.notEqual(await job.app.files.size(record.fileKey), undefined)
  await store(three())
  assert.equal((await job.sql('select 1 from task')).length, 3)
})
