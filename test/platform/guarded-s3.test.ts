import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { FileStoreError } from '../../src/platform/files.ts'
import type { StoreTrouble } from '../../src/platform/files.ts'
import { createGuardedBucket } from '../../src/platform/s3.ts'
import type { S3Settings } from '../../src/platform/s3.ts'
import { drip, flood, startHostileStore } from '../support/hostile-store.ts'

const PART = 8 * 1024 * 1024
const never = new AbortController().signal

function open(
  settings: S3Settings,
  { signal = never, requestMs = 300, privateAddresses = ['127.0.0.1'] } = {},
) {
  return createGuardedBucket(settings, { privateAddresses, signal, requestMs })
}

const small = () => Readable.from([Buffer.from('a file')])

function troubleIs(trouble: StoreTrouble, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof FileStoreError, String(error))
    assert.equal(error.trouble, trouble)
    assert.match(error.message, message)
    return true
  }
}

for (const [what, beginning] of [
  ['reply', 'HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n\r\n<'],
  ['refusal', 'HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\n\r\n<'],
  ['header', 'HTTP/1.1 200 OK\r\nX-Long: '],
] as const)
  test(`a ${what} that drips without an end is waited for no longer than a request may take`, async (t) => {
    const settings = await startHostileStore(t, (_request, response) => {
      drip(response, beginning)
    })
    const bucket = open(settings)
    await assert.rejects(bucket.put('a', small()), troubleIs('away', /hostile .* did not answer in time/))
    bucket.close()
  })

for (const status of [200, 403, 500])
  test(`a reply of status ${status} without an end is read no further than any reply is long`, async (t) => {
    let asked = 0
    const settings = await startHostileStore(t, (_request, response) => {
      response.writeHead(status, { 'Content-Type': 'application/xml' })
      flood(response)
      asked += 1
    })
    const bucket = open(settings, { requestMs: 20_000 })
    await assert.rejects(bucket.put('a', small()), troubleIs('refused', /replies with more than 64 KB/))
    bucket.close()
    assert.equal(asked, 1, 'it is not asked again')
  })

test('an upload that is ended while a part is on its way is taken back', async (t) => {
  const ending = new AbortController()
  const seen = new PassThrough({ objectMode: true })
  const settings = await startHostileStore(t, ({ method = '', url = '' }, response) => {
    if (method === 'POST') {
      response.end('<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>')
      return
    }
    if (method === 'PUT') {
      ending.abort()
      return
    }
    seen.write(`${method} ${url}`)
    response.writeHead(204).end()
  })
  const takenBack = once(seen, 'data')
  const bucket = open(settings, { signal: ending.signal, requestMs: 20_000 })
  const content = Readable.from([Buffer.alloc(PART), Buffer.alloc(PART)], { objectMode: false })
  await assert.rejects(bucket.put('a', content), troubleIs('away', /did not answer in time/))
  assert.deepEqual(await takenBack, ['DELETE /hostile/a?uploadId=u1&x-id=AbortMultipartUpload'])
  bucket.close()
})

test('an ordinary reply comes through, and what a store says of a failure', async (t) => {
  const settings = await startHostileStore(t, ({ method }, response) => {
    if (method === 'PUT') response.end()
    else response.writeHead(403).end('<Error><Code>AccessDenied</Code><Message>Not you</Message></Error>')
  })
  const bucket = open(settings, { requestMs: 20_000 })
  assert.equal((await bucket.put('a', small())).bytes, 6)
  await assert.rejects(bucket.remove('a'), troubleIs('refused', /AccessDenied: Not you/))
  bucket.close()
})

test('a private address is refused and not tried again', async () => {
  const endpoint = 'http://127.0.0.1:9'
  const settings = { endpoint, region: 'r', bucket: 'inside', key: 'k', secret: 's', isPathStyle: true }
  const bucket = open(settings, { privateAddresses: [] })
  await assert.rejects(
    bucket.put('a', small()),
    troubleIs('refused', /leads into a private network, which is not allowed/),
  )
  bucket.close()
})
