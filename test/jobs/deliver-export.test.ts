import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { jobs } from '../../jobs/index.ts'
import {
  deliverExport,
  findExportBucket,
  removeExportBucket,
  saveExportBucket,
  tryExportBucket,
} from '../../src/domain/exports/bucket-service.ts'
import type { BucketInput } from '../../src/domain/exports/bucket-service.ts'
import { requestExport } from '../../src/domain/exports/export-service.ts'
import { askForDueExports, subscribe } from '../../src/domain/exports/subscription-service.ts'
import { choose } from '../../src/domain/mails/choice-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { PostponeError } from '../../src/platform/job.ts'
import type { JobRun } from '../../src/platform/job.ts'
import { createS3Bucket } from '../../src/platform/s3.ts'
import type { S3Settings } from '../../src/platform/s3.ts'
import { drip, flood, startHostileStore } from '../support/hostile-store.ts'
import { newOwner, newProject, retryOnlyFailure, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import { S3_HINT, startS3 } from '../support/s3.ts'
import { waitForReplica } from '../support/servers.ts'

const s3 = await startS3({ after })
const skip = s3 ? false : S3_HINT
const job = await startJobApp({ after }, { PRIVATE_ADDRESSES: '127.0.0.1' })
const quickly = { attempts: 2, backoffSeconds: 0.01 }
work(job, { ...jobs, 'deliver-export': { ...jobs['deliver-export'], ...quickly } })
const owner = await newOwner(job)

const daily = { what: 'task', format: 'csv', period: 'daily', byMail: false, toBucket: true } as const

/** Where nobody listens. */
const nowhere: S3Settings = {
  endpoint: 'http://127.0.0.1:9',
  region: 'r',
  bucket: 'gone',
  key: 'k',
  secret: 's',
  isPathStyle: true,
}

async function bucketOf(name: string): Promise<S3Settings> {
  assert.ok(s3)
  return s3.bucket(name)
}

function inputOf({
  endpoint = '',
  region,
  bucket,
  key: keyId,
  secret,
  isPathStyle,
}: S3Settings): BucketInput {
  return { endpoint, region, bucket, prefix: 'daily/', keyId, secret, isPathStyle }
}

/** A project whose exports are brought into a bucket, by a subscription whose time has come. */
async function subscribed(input: BucketInput, isDelta = false, by = owner): Promise<Project> {
  const project = await newProject(job, by, [{ a: 1 }, { a: 2 }])
  await saveExportBucket(job.app, job.db(), by, project, input)
  await subscribe(job.db(), by, project, { ...daily, isDelta })
  await makeDue(project)
  return project
}

async function makeDue({ id }: Project): Promise<void> {
  await job.sql(
    `update export_subscription set next_due = now() - interval '1 minute' where project_id = $1`,
    [id],
  )
  await askForDueExports(job.app, job.db)
  await untilJobsEnd(job)
  await waitForReplica()
}

async function newestOf({ id }: Project) {
  const [row] = await job.sql('select * from project_export where project_id = $1 order by id desc limit 1', [
    id,
  ])
  assert.ok(row)
  return row
}

async function objectsOf(settings: S3Settings): Promise<Map<string, Buffer>> {
  const bucket = createS3Bucket(settings)
  const objects = new Map<string, Buffer>()
  for await (const { key } of bucket.list('')) objects.set(key, await buffer(bucket.read(key)))
  bucket.close()
  return objects
}

async function mailsAbout({ name }: Project): Promise<string[]> {
  const mails = await job.sql(`select subject, text_body from mail where subject like '%' || $1 || '%'`, [
    name,
  ])
  return mails.map(({ subject, text_body: text }) => `${String(subject)}\n${String(text)}`)
}

test('each export of a subscription is brought into the bucket as it is stored', { skip }, async () => {
  const settings = await bucketOf('brought')
  const project = await subscribed(inputOf(settings), true)
  const [[name = '', bytes] = []] = await objectsOf(settings)
  assert.match(
    name,
    new RegExp(`^daily/${project.id}_${project.shortName}_task_csv_\\d{4}-\\d\\d-\\d\\dT[\\d-]+Z\\.zip$`),
  )
  const row = await newestOf(project)
  assert.equal(
    createHash('sha256')
      .update(bytes ?? '')
      .digest('hex'),
    row['sha256'],
  )
  assert.notEqual(row['delivered'], null)
  assert.deepEqual(await mailsAbout(project), [])

  await makeDue(project)
  const names = [...(await objectsOf(settings)).keys()]
  assert.equal(names.length, 2)
  assert.ok(names.some((one) => one.includes('_delta_')))
})

test(
  'a wrong secret is told at once, and what was not brought is brought when it is right',
  { skip },
  async () => {
    const settings = await bucketOf('secret')
    const project = await subscribed(inputOf({ ...settings, secret: 'wrong' }))
    const { state, delivery_error: error, delivered } = await newestOf(project)
    assert.deepEqual([state, delivered], ['done', null])
    assert.match(String(error), /The bucket secret of http.* refuses this key and secret/)
    const [mail = '', ...others] = await mailsAbout(project)
    assert.match(mail, /did not reach your bucket[\s\S]*refuses this key and secret/)
    assert.equal(others.length, 0)
    assert.match(mail, /Unsubscribe: http/)
    const [{ attempts } = {}] = await job.sql(
      `select attempts from outbox where job = 'deliver-export' and failed is not null`,
    )
    assert.equal(attempts, 1)

    await retryOnlyFailure(job)
    await untilJobsEnd(job)
    assert.equal((await mailsAbout(project)).length, 1, 'one mail a day')

    await saveExportBucket(job.app, job.db(), owner, project, inputOf(settings))
    await retryOnlyFailure(job)
    await untilJobsEnd(job)
    const mended = await newestOf(project)
    assert.notEqual(mended['delivered'], null)
    assert.equal(mended['delivery_error'], null)
    assert.equal((await objectsOf(settings)).size, 1)
  },
)

test('a service that is away is tried again, and then told of', async () => {
  const project = await subscribed(inputOf(nowhere))
  const { delivery_error: error } = await newestOf(project)
  assert.match(String(error), /The bucket gone of http:\/\/127\.0\.0\.1:9 cannot be reached/)
  const [{ attempts } = {}] = await job.sql(
    `select attempts from outbox where job = 'deliver-export' and failed is not null`,
  )
  assert.equal(attempts, 2)
  await job.sql('update project_export set file_key = null where project_id = $1', [project.id])
  await retryOnlyFailure(job)
  await untilJobsEnd(job)
  await waitForReplica()
  assert.match(String((await newestOf(project))['delivery_error']), /^The file of this export was removed/)
})

test('an export whose bucket is not wanted any more says so, and is not tried again', async () => {
  const project = await subscribed(inputOf(nowhere))
  await removeExportBucket(job.db(), owner, project)
  await retryOnlyFailure(job)
  await untilJobsEnd(job)
  const { delivered, delivery_error: error } = await newestOf(project)
  assert.deepEqual([delivered, error], [null, 'The project has no bucket any more.'])
  const [{ to_bucket: toBucket } = {}] = await job.sql(
    'select to_bucket from export_subscription where project_id = $1',
    [project.id],
  )
  assert.equal(toBucket, false)
})

test('who wants no mails about projects gets none about a bucket', async () => {
  const unwilling = await newOwner(job)
  await choose(job.db(), { userId: unwilling.id, kind: 'project' }, false)
  const project = await subscribed(inputOf(nowhere), false, unwilling)
  assert.match(String((await newestOf(project))['delivery_error']), /cannot be reached/)
  assert.deepEqual(await mailsAbout(project), [])
  await job.sql(`delete from outbox where failed is not null`)
})

test('a service that replies without an end is given up at once, and its owner told why', async (t) => {
  const settings = await startHostileStore(t, (_request, response) => {
    flood(response)
  })
  const project = await subscribed(inputOf(settings))
  const { delivery_error: error } = await newestOf(project)
  assert.match(String(error), /is of no such store \(It replies with more than 64 KB/)
  const [{ attempts } = {}] = await job.sql(`delete from outbox where failed is not null returning attempts`)
  assert.equal(attempts, 1)
})

test('a service that drips holds a delivery no longer than its size says, and a trial for its time', async (t) => {
  const project = await newProject(job, owner, [{ a: 1 }])
  const wanted = { what: 'task', format: 'csv' } as const
  const { id } = await requestExport(job.app, job.db(), owner, project, wanted)
  await untilJobsEnd(job)
  const { promise: reached, resolve: reach } = Promise.withResolvers<undefined>()
  const settings = await startHostileStore(t, (_request, response) => {
    reach(undefined)
    drip(response, 'HTTP/1.1 200 OK\r\n\r\n')
  })
  await saveExportBucket(job.app, job.db(), owner, project, inputOf(settings))
  const run = {
    openDb: job.db,
    commit: (effect) => job.db().write(effect),
    signal: t.signal,
  } satisfies Partial<JobRun>
  const slow = deliverExport(job.app, run, id, { leastMs: 1_000, bytesPerMs: 10 })
  const tooSlow = assert.rejects(slow, {
    name: 'FileStoreError',
    message: 'The bucket did not take the export within 1 minutes.',
  })
  await reached
  await assert.rejects(deliverExport(job.app, run, id), PostponeError, 'one of an owner at a time')
  await tooSlow
  await assert.rejects(tryExportBucket(job.app, job.db(), owner, project, 100), {
    message: 'The service did not answer within 0.1 seconds.',
  })
})

test('nobody’s bucket leads into a private network, unless the operator says so', async (t) => {
  const guarded = await startJobApp(t)
  const person = await newOwner(guarded)
  const project = await newProject(guarded, person)
  await saveExportBucket(guarded.app, guarded.db(), person, project, inputOf(nowhere))
  await assert.rejects(
    tryExportBucket(guarded.app, guarded.db(), person, project),
    /Nothing could be written\. .*127\.0\.0\.1.* is not allowed/,
  )
})

test('a bucket is tried by writing and removing; what fails is said', { skip }, async () => {
  const settings = await bucketOf('trial')
  const project = await newProject(job, owner)
  const attempt = () => tryExportBucket(job.app, job.db(), owner, project)
  await assert.rejects(attempt(), /There is no bucket to try/)
  await saveExportBucket(job.app, job.db(), owner, project, inputOf(settings))
  await attempt()
  assert.equal((await objectsOf(settings)).size, 0)
  await saveExportBucket(job.app, job.db(), owner, project, inputOf({ ...settings, bucket: 'nowhere' }))
  await assert.rejects(attempt(), /Nothing could be written\. The bucket nowhere of .* does not exist/)
  await job.sql(`update export_bucket set secret_sealed = 'of a key that is gone' where project_id = $1`, [
    project.id,
  ])
  await assert.rejects(attempt(), /cannot be read any more\. Enter it again/)
})

test('a secret is kept while service and key stay, and asked for with others', async () => {
  const project = await newProject(job, owner)
  const input = {
    endpoint: '',
    region: 'eu-1',
    bucket: 'kept',
    prefix: '',
    keyId: 'k',
    secret: 's',
    isPathStyle: false,
  }
  const save = (changes: Partial<BucketInput>) =>
    saveExportBucket(job.app, job.db(), owner, project, { ...input, ...changes })
  await assert.rejects(save({ secret: '' }), { fields: { secret: 'Write the secret of this key.' } })
  await save({})
  await save({ secret: '', bucket: 'other' })
  await assert.rejects(save({ secret: '', keyId: 'k2' }), {
    fields: { secret: 'Write the secret of this key.' },
  })
  await assert.rejects(save({ secret: '', endpoint: 'https://elsewhere.example.org' }), /another look/)
  for (const endpoint of ['ftp://a', 'https://user:password@a.example.org', 'no address'])
    await assert.rejects(save({ endpoint }), /another look/)
  await waitForReplica()
  const found = await findExportBucket(job.db(), owner, project)
  const { secret: _, ...shown } = { ...input, bucket: 'other', endpoint: null }
  assert.deepEqual(found, shown)
})
