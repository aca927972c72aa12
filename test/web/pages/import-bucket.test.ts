import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { createS3Bucket } from '../../../src/platform/s3.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually, work } from '../../support/jobs.ts'
import { S3_HINT, startS3 } from '../../support/s3.ts'
import { waitForReplica } from '../../support/servers.ts'

const atEnd = untilFileEnds()
const s3 = await startS3(atEnd)
const skip = s3 ? false : S3_HINT
const site = await startTestApp(atEnd, { PRIVATE_ADDRESSES: '127.0.0.1' })
work(site)
const owner = await site.user()

/** A bucket that nobody may list without keys, and the form that lists it. */
async function privateBucket() {
  const settings = await s3?.bucket('birds')
  if (!settings) throw new Error(S3_HINT)
  const bucket = createS3Bucket(settings)
  for (const key of ['in/a b.jpg', 'in/ü+&=.png', 'out.txt'])
    await bucket.put(key, Readable.from([Buffer.from(key)]))
  bucket.close()
  const { endpoint = '', region, key, secret } = settings
  const fields = { kind: 's3', bucket_key: key, bucket_secret: secret, bucket_region: region }
  return { secret, url: `${endpoint}/birds`, fields: { ...fields, url: `${endpoint}/birds/in/` } }
}

async function untilEnded(address: string) {
  const ended = await eventually(async () => {
    const [row] = await rowsOf<{ state: string; error: string | null; bucket_keys: string }>(
      site,
      `select state, error, bucket_keys from task_import where id = $1 and state in ('draft', 'failed')`,
      [address.split('/').at(-1)],
    )
    return row
  })
  await waitForReplica()
  return ended
}

async function fetched(shortName: string, form: Record<string, string>) {
  const path = `/project/${shortName}/tasks/import`
  const { headers } = await owner.http.post(path).type('form').send(form).expect(302)
  const address = String(headers['location'])
  return { address, ...(await untilEnded(address)) }
}

test(
  'a bucket is listed with its owner’s keys, whose secret is sealed and never shown',
  { skip },
  async () => {
    const { shortName } = await draftProject(site, owner, { tasks: 0 })
    const { url, secret, fields } = await privateBucket()
    const draft = await fetched(shortName, fields)
    assert.deepEqual([draft.state, draft.error], ['draft', null])
    const page = await owner.http.get(draft.address).expect(200)
    assert.match(page.text, /in\/a b\.jpg/)
    assert.ok(page.text.includes(`${url}/in/${encodeURIComponent('ü+&=')}.png`))
    assert.doesNotMatch(page.text, /out\.txt|X-Amz/)
    const [kept] = await rowsOf(site, 'select * from task_import where bucket_keys is not null')
    assert.ok(!JSON.stringify(kept).includes(secret))

    // The same every day.
    const daily = `/project/${shortName}/tasks/autoimporter`
    const id = draft.address.split('/').at(-1) ?? ''
    await owner.http.post(daily).type('form').send({ like: id }).expect(302)
    const like = await rowsOf<{ bucket_keys: string }>(site, 'select bucket_keys from import_schedule')
    assert.deepEqual(like, [{ bucket_keys: draft.bucket_keys }])
    await waitForReplica()
    for (const format of ['html', 'json']) {
      const shown = await owner.http.get(daily).query({ response_format: format }).expect(200)
      assert.ok(shown.text.includes('test:tester') && !shown.text.includes(secret), format)
      assert.ok(!shown.text.includes(draft.bucket_keys), format)
    }
    await eventually(async () => {
      const done = await rowsOf(site, `select 1 from task_import where is_automatic and state = 'done'`)
      return done.length === 1
    })
    await rowsOf(site, `update task_import set bucket_keys = null`)
    await waitForReplica()
    await owner.http
      .post(daily)
      .type('form')
      .send({ like: id })
      .expect(422, /keys to this bucket were removed/)
  },
)

test('wrong keys, none, or half of them are refused with what to do', { skip }, async () => {
  const { shortName } = await draftProject(site, owner, { tasks: 0 })
  const { fields } = await privateBucket()
  const wrong = await fetched(shortName, { ...fields, bucket_secret: 'nonsense' })
  assert.match(wrong.error ?? '', /This bucket refuses the access key and its secret/)
  const none = await fetched(shortName, { kind: 's3', url: fields.url })
  assert.match(none.error ?? '', /^The other site d/)

  const path = `/project/${shortName}/tasks/import`
  const refused = async (changes: Record<string, string>, field: string, words: RegExp) => {
    const form = { ...fields, ...changes }
    const { text } = await owner.http.post(path).type('form').send(form).expect(422)
    assert.match(text, new RegExp(`id="${field}-error".*${words.source}`))
    assert.ok(!text.includes(`value="${fields.bucket_secret}"`), 'a secret is not shown again')
    assert.match(text, /<details class="section" open>/)
  }
  await refused({ bucket_key: ' ' }, 'bucket_key', /Give the access key/)
  await refused({ bucket_key: 'k'.repeat(201) }, 'bucket_key', /at most 200/)
  await refused({ bucket_secret: '' }, 'bucket_secret', /Give the secret/)
  await refused({ bucket_region: 'a b' }, 'bucket_region', /name of a region/)

  const { address, bucket_keys: sealed } = await fetched(shortName, fields)
  assert.ok(sealed)
  await rowsOf(site, `update task_import set state = 'fetching', bucket_keys = 'x', file_key = null`)
  const db = site.app.database.open({ writes: true })
  const importId = Number(address.split('/').at(-1))
  await db.write((tx) => site.app.queue.enqueue(tx, 'import-tasks', { importId }))
  const lost = await eventually(async () => {
    const { error } = await untilEnded(address)
    return error ?? undefined
  })
  assert.match(lost, /keys to this bucket were removed/)
})
