import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { CreateMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3'
import { runProgram } from '../../src/bin/local/run-program.ts'
import { FileStoreError } from '../../src/platform/files.ts'
import type { FileStore } from '../../src/platform/files.ts'
import { createFolderFiles } from '../../src/platform/folder-files.ts'
import { createS3Bucket } from '../../src/platform/s3.ts'
import type { S3Settings } from '../../src/platform/s3.ts'
import { startCutNetwork } from '../support/cut-network.ts'
import { S3_HINT, startS3 } from '../support/s3.ts'

const MB = 1024 * 1024
const s3 = await startS3({ after })
const skip = s3 ? false : S3_HINT
const folder = mkdtempSync(join(tmpdir(), 'mh-files-'))
after(() => {
  rmSync(folder, { recursive: true })
})

const forms: Record<string, () => Promise<FileStore>> = {
  folder: () => Promise.resolve(createFolderFiles(join(folder, 'contract'))),
  ...(s3 && { bucket: async () => createS3Bucket(await s3.bucket('contract')) }),
}

/** So many bytes, no two MB of them alike, handed out in pieces that fit no part. */
function content(megabytes: number): Readable {
  function* pieces() {
    for (let left = megabytes * MB, n = 0; left > 0; left -= 700_001, n += 1)
      yield Buffer.alloc(Math.min(left, 700_001), n)
  }
  return Readable.from(pieces(), { objectMode: false })
}

/** Breaks off after so many bytes. */
function broken(megabytes: number): Readable {
  async function* pieces() {
    yield* content(megabytes)
    await Promise.reject(new Error('broke off'))
  }
  return Readable.from(pieces(), { objectMode: false })
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

for (const [form, open] of Object.entries(forms)) {
  test(`${form}: a file is there whole or not at all`, async () => {
    const files = await open()
    for (const [key, megabytes] of [
      ['exports/1/a.zip', 17],
      ['uploads/user_1/small.png', 0.001],
      ['uploads/user_1/empty', 0],
    ] as const) {
      const whole = await buffer(content(megabytes))
      const stored = await files.put(key, content(megabytes))
      assert.deepEqual(stored, { bytes: whole.length, sha256: sha256(whole) })
      assert.equal(await files.size(key), whole.length)
      assert.deepEqual(await buffer(files.read(key)), whole)
    }
    for (const megabytes of [0.001, 17]) {
      const source = broken(megabytes)
      await assert.rejects(files.put('exports/1/b.zip', source), /broke off/)
      assert.ok(source.destroyed)
      assert.equal(await files.size('exports/1/b.zip'), undefined)
    }
    assert.equal(await files.removeUnfinished(0), 0, 'nothing stays of one that failed')
  })

  test(`${form}: a part of a file is read alone`, async () => {
    const files = await open()
    await files.put('exports/1/text', Readable.from([Buffer.from('0123456789')]))
    assert.equal(await text(files.read('exports/1/text', { start: 2, end: 4 })), '234')
    assert.equal(await text(files.read('exports/1/text', { start: 7 })), '789')
    assert.equal(await text(files.read('exports/1/text', { start: 0, end: 0 })), '0')
  })

  test(`${form}: old files below a prefix are removed, and no others`, async () => {
    const files = await open()
    for (const key of ['old/1', 'old/2', 'older/3']) await files.put(key, Readable.from([Buffer.from(key)]))
    assert.equal(await files.removeOlder('old/', 60_000), 0)
    assert.equal(await files.removeOlder('old/', -60_000), 2)
    assert.equal(await files.removeOlder('old/', -60_000), 0)
    assert.equal(await files.size('older/3'), 7)
  })

  test(`${form}: a file is replaced, and removed once and again`, async () => {
    const files = await open()
    await files.put('exports/1/c', Readable.from([Buffer.from('first')]))
    await files.put('exports/1/c', Readable.from([Buffer.from('second')]))
    assert.equal(await text(files.read('exports/1/c')), 'second')
    await files.remove('exports/1/c')
    await files.remove('exports/1/c')
    assert.equal(await files.size('exports/1/c'), undefined)
    await assert.rejects(text(files.read('exports/1/c')))
  })
}

test('no key leads out of the folder', () => {
  const files = createFolderFiles(folder)
  for (const key of ['../x', '/x', 'a//b', '', '.hidden', 'a/../b'])
    assert.throws(() => files.read(key), /Not a file key/)
})

test('what a killed process left unfinished in the folder is removed once it is old', async () => {
  const left = mkdtempSync(join(folder, 'left-'))
  const files = createFolderFiles(left)
  for (const name of ['old.part', 'new.part', 'whole']) writeFileSync(join(left, name), 'x')
  utimesSync(join(left, 'old.part'), 0, 0)
  assert.equal(await files.removeUnfinished(60_000), 1)
  assert.deepEqual(readdirSync(left), ['new.part', 'whole'])
  assert.equal(await createFolderFiles(join(left, 'none')).removeUnfinished(0), 0)
})

const troubleIs = (trouble: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FileStoreError)
  assert.match(error.message, words)
  assert.equal(error.trouble, trouble)
  return true
}

test('a folder that cannot be used says so', async () => {
  writeFileSync(join(folder, 'plain'), 'x')
  const inFile = createFolderFiles(join(folder, 'plain'))
  const away = troubleIs('away', /The folder for files, .*plain, cannot be used: ENOTDIR/)
  await assert.rejects(inFile.put('a/b', content(0.001)), away)
  assert.equal(await inFile.size('a/b'), undefined)
  const [files, name] = [createFolderFiles(folder), 'x'.repeat(300)]
  await assert.rejects(files.size(name), troubleIs('away', /ENAMETOOLONG/))
  await assert.rejects(files.remove(name), troubleIs('away', /ENAMETOOLONG/))
})

test('a full disk is named, and keeps nothing of what did not fit', async () => {
  const store = join(import.meta.dirname, '../../src/platform/folder-files.ts')
  const script = `
    import { readdirSync } from 'node:fs'
    import { Readable } from 'node:stream'
    import { createFolderFiles } from ${JSON.stringify(store)}
    const files = createFolderFiles('/mnt/files')
    await files.put('a/fits', Readable.from([Buffer.alloc(1_000)]))
    const { trouble, message } = await files.put('a/b', Readable.from([Buffer.alloc(3_000_000)])).catch((e) => e)
    console.log(JSON.stringify([trouble, message, readdirSync('/mnt/files/a')]))`
  const mounted = 'mount -t tmpfs -o size=1m disk /mnt && exec "$0" --input-type=module -e "$1"'
  const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', mounted, process.execPath, script]
  assert.deepEqual(JSON.parse(await runProgram('unshare', args)), [
    'full',
    'The folder for files, /mnt/files, has no room left',
    ['fits'],
  ])
})

test('a bucket lists what begins alike', { skip }, async () => {
  const bucket = createS3Bucket(await bucketOf('listing'))
  for (const key of ['photos/b.jpg', 'photos/a b&c.jpg', 'other'])
    await bucket.put(key, Readable.from([Buffer.from(key)]))
  const listed = await allOf(bucket.list('photos/'))
  assert.deepEqual(
    listed.map(({ key, bytes }) => [key, bytes]),
    [
      ['photos/a b&c.jpg', 16],
      ['photos/b.jpg', 12],
    ],
  )
  assert.equal(new Set(listed.map(({ etag }) => etag)).size, 2)
  assert.equal(await text(bucket.read('photos/a b&c.jpg')), 'photos/a b&c.jpg')
  bucket.close()
})

test('what was begun in a bucket and not ended is removed once it is old', { skip }, async () => {
  const settings = await bucketOf('unfinished')
  const bucket = createS3Bucket(settings)
  const client = new S3Client({
    endpoint: String(settings.endpoint),
    region: settings.region,
    forcePathStyle: true,
    credentials: { accessKeyId: settings.key, secretAccessKey: settings.secret },
  })
  await client.send(new CreateMultipartUploadCommand({ Bucket: settings.bucket, Key: 'exports/killed' }))
  assert.equal(await bucket.removeUnfinished(60_000), 0)
  assert.equal(await bucket.removeUnfinished(-60_000), 1)
  assert.equal(await bucket.removeUnfinished(-60_000), 0)
  client.destroy()
})

test('a connection that breaks costs a read and a put nothing', { skip }, async (t) => {
  const network = await startCutNetwork(t)
  network.leadTo(Number(s3?.port))
  const settings = await bucketOf('dropped')
  const bucket = createS3Bucket({ ...settings, endpoint: `http://127.0.0.1:${network.port}` })
  const breakOnce = () => {
    network.cut()
    network.mend()
  }
  let isCut = false
  async function* cutting() {
    for await (const piece of content(20)) {
      yield piece as Buffer
      if (!isCut) setImmediate(breakOnce)
      isCut = true
    }
  }
  const whole = await buffer(content(20))
  const stored = await bucket.put('exports/a', Readable.from(cutting(), { objectMode: false }))
  assert.equal(stored.sha256, sha256(whole))

  const read = bucket.read('exports/a')
  const chunks: Buffer[] = []
  for await (const chunk of read as AsyncIterable<Buffer>) {
    if (chunks.length === 3) breakOnce()
    chunks.push(chunk)
  }
  assert.equal(sha256(Buffer.concat(chunks)), stored.sha256)
  const part = bucket.read('exports/a', { start: 1_000_000, end: 19_000_000 })
  const [first] = (await part.take(1).toArray()) as Buffer[]
  assert.deepEqual(first, whole.subarray(1_000_000, 1_000_000 + Number(first?.length)))
})

test('a store that stays away is named, and leaves nothing half-done', { skip }, async (t) => {
  const network = await startCutNetwork(t)
  network.leadTo(Number(s3?.port))
  const settings = await bucketOf('away')
  const direct = createS3Bucket(settings)
  const bucket = createS3Bucket({ ...settings, endpoint: `http://127.0.0.1:${network.port}` })
  await bucket.put('exports/before', content(0.001))
  const away = troubleIs('away', /The bucket away of http:\/\/127\.0\.0\.1:\d+ cannot be reached \(ECONN/)
  async function* cutting() {
    for await (const piece of content(30)) yield piece as Buffer
    network.cut()
  }
  const source = Readable.from(cutting(), { objectMode: false })
  await assert.rejects(bucket.put('exports/a', source), away)
  assert.equal(await direct.size('exports/a'), undefined)
  assert.equal(await direct.removeUnfinished(-60_000), 1, 'the parts wait for the nightly clean-up')
  await assert.rejects(bucket.size('exports/before'), away)
  await assert.rejects(bucket.remove('exports/before'), away)
  await assert.rejects(text(bucket.read('exports/before')), away)
  await assert.rejects(allOf(bucket.list('')), away)
  await assert.rejects(bucket.removeUnfinished(0), away)
})

test('a wrong secret, a bucket and a file that are not there are told apart', { skip }, async () => {
  const settings = await bucketOf('told-apart')
  const refused = createS3Bucket({ ...settings, secret: 'wrong' })
  await assert.rejects(
    refused.put('a', content(0.001)),
    troubleIs('refused', /refuses this key and secret \(SignatureDoesNotMatch/),
  )
  await assert.rejects(refused.size('a'), troubleIs('refused', /refuses this key and secret \(status 403\)/))
  const nowhere = createS3Bucket({ ...settings, bucket: 'nowhere' })
  await assert.rejects(nowhere.put('a', content(0.001)), troubleIs('refused', /nowhere .* does not exist/))
  await assert.rejects(text(createS3Bucket(settings).read('none')), troubleIs('missing', /has no such file/))
})

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

async function bucketOf(name: string): Promise<S3Settings> {
  assert.ok(s3)
  return s3.bucket(name)
}
