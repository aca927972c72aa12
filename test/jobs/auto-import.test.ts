import assert from 'node:assert/strict'
import test from 'node:test'
import { jobs } from '../../jobs/index.ts'
import { getAutoImport, setAutoImport } from '../../src/domain/imports/auto-import-service.ts'
import { listMailsFor } from '../../src/domain/mails/mail-service.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { newOwner, newProject, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import { startRowsSite } from '../support/rows-site.ts'
import { waitForReplica } from '../support/servers.ts'

const elsewhere = await startRowsSite(untilFileEnds())

test('it runs every night', () => {
  assert.match(jobs['auto-import'].schedule ?? '', /^\d+ \d+ \* \* \*$/)
})

test('what is new at an address is added every day, and a failure is told once until it went well again', async (t) => {
  const job = await startJobApp(t, { PRIVATE_ADDRESSES: '127.0.0.1' })
  const { app, db } = job
  const owner = await newOwner(job)
  const project = await newProject(job, owner)
  const give = (body: string, status = 200) => {
    elsewhere.answer('/birds.csv', { status, headers: { 'Content-Type': 'text/csv' }, body })
  }
  work(job)
  const night = async () => {
    await job.sql(`update task_import set created = created - interval '13 hours'`)
    await db().write((tx) => app.queue.enqueue(tx, 'auto-import', {}))
    await untilJobsEnd(job)
    await waitForReplica()
  }
  const count = async () => (await job.sql('select 1 from task')).length
  const mails = async () => (await listMailsFor(db(), owner)).map(({ textBody }) => textBody)

  give('n,place\n1,a\n2,b\n')
  const source = { kind: 'url', url: `${elsewhere.url}/birds.csv` } as const
  const options = { redundancy: 5, reading: { columns: [{ name: 'place', becomes: 'ignore' }] } }
  await setAutoImport(app, db(), owner, project, { source, options, bucketKeys: null })
  await untilJobsEnd(job)
  assert.equal(await count(), 2)
  // On the same day nothing begins again.
  await db().write((tx) => app.queue.enqueue(tx, 'auto-import', {}))
  await untilJobsEnd(job)
  assert.equal((await job.sql('select 1 from task_import')).length, 1)

  await night()
  assert.equal((await mails()).length, 1)
  give('n,place\n1,a\n2,b\n3,c\n')
  await night()
  assert.deepEqual(await job.sql('select info, n_answers from task order by id offset 2'), [
    { info: { n: '3' }, n_answers: 5 },
  ])
  assert.equal((await mails()).length, 2)

  give('', 404)
  for (let days = 0; days < 2; days += 1) await night()
  assert.equal((await getAutoImport(db(), owner, project))?.error, 'There is nothing at this address.')
  assert.equal((await mails()).length, 3)
  assert.match((await mails()).join('\n'), /No task was added to .*\. There is nothing at this address/)
  give('n,place\n1\n')
  await night()
  assert.match((await getAutoImport(db(), owner, project))?.error ?? '', /Line 2/)
  assert.equal((await mails()).length, 3)
  give('n,place\n1,a\n')
  await night()
  assert.equal((await getAutoImport(db(), owner, project))?.error, null)
  give('', 403)
  await night()
  assert.equal((await mails()).length, 4)
})
