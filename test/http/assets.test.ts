import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { buildAssets, loadAssets } from '../../src/http/assets.ts'
import { untilFileEnds } from '../support/file-ending.ts'

const folder = await mkdtemp(join(tmpdir(), 'manyhands-assets-'))
untilFileEnds().after(() => rm(folder, { recursive: true, force: true }))
const outDir = join(folder, 'built', 'assets')
await buildAssets({ outDir })
const assets = await loadAssets(outDir)
const none = () => false

/** The file that pages get under this name. */
function built(name: string, accepts: (encoding: string) => boolean = none) {
  const found = assets.find(assets.url(name).replace('/static/', ''), accepts)
  assert.ok(found, name)
  return found
}

test('styles, scripts, pictures and fonts are served under names stamped with their content', () => {
  const kinds: [string, RegExp][] = [
    ['site.css', /^text\/css/],
    ['site.js', /^text\/javascript/],
    ['favicon.svg', /^image\/svg/],
    ['figtree-latin.woff2', /^font\/woff2/],
  ]
  for (const [name, type] of kinds) {
    assert.match(assets.url(name), /^\/static\/[\w-]+-[A-Z0-9]{8}\.\w+$/)
    assert.match(built(name).type, type)
  }
  assert.throws(() => assets.url('none.css'), /none\.css/)
  assert.equal(assets.find('manifest.json', none), undefined)
})

test('what is compressed holds the same; the best that a browser takes is chosen', () => {
  const plain = built('site.js')
  const brotli = built('site.js', () => true)
  const gzip = built('site.js', (encoding) => encoding === 'gzip')
  assert.deepEqual([plain.encoding, brotli.encoding, gzip.encoding], [undefined, 'br', 'gzip'])
  assert.deepEqual(brotliDecompressSync(brotli.content), plain.content)
  assert.deepEqual(gunzipSync(gzip.content), plain.content)
  assert.equal(built('figtree-latin.woff2', () => true).encoding, undefined)
})

test('the same sources are built once', async () => {
  const file = join(outDir, assets.stamped('site.js') ?? '')
  const { mtimeMs } = await stat(file)
  await buildAssets({ outDir })
  assert.equal((await stat(file)).mtimeMs, mtimeMs)
})

test('builds at once leave one whole folder; files of four builds before stay and are served, older ones go', async () => {
  const builds = join(outDir, 'builds')
  const before = await readFile(join(outDir, 'manifest.json'), 'utf8')
  const [own = ''] = await readdir(builds)
  await rm(join(builds, own))
  const older = Array.from({ length: 5 }, (_, age) => ({
    file: `old-${age}.js`,
    hash: String(age).repeat(64),
  }))
  for (const [age, { file, hash }] of older.entries()) {
    await writeFile(join(outDir, file), file)
    await writeFile(
      join(builds, hash),
      JSON.stringify({ manifest: {}, files: [file, assets.stamped('site.js')] }),
    )
    await utimes(join(builds, hash), age + 1, age + 1)
  }

  await Promise.all([buildAssets({ outDir }), buildAssets({ outDir })])

  assert.equal(await readFile(join(outDir, 'manifest.json'), 'utf8'), before)
  assert.deepEqual((await readdir(builds)).sort(), [own, ...older.slice(1).map(({ hash }) => hash)].sort())
  const now = await loadAssets(outDir)
  assert.deepEqual(
    older.map(({ file }) => now.find(file, none)?.content.toString()),
    [undefined, ...older.slice(1).map(({ file }) => file)],
  )
  assert.ok(now.find(assets.stamped('site.js') ?? '', none), 'what a build that stays has too')
  assert.deepEqual(await readdir(dirname(outDir)), ['assets'])
  await utimes(join(builds, own), 1, 1)
  await loadAssets(outDir)
  assert.ok((await stat(join(builds, own))).mtimeMs > 10_000, 'what is served is wanted')
  assert.equal((await stat(outDir)).mode & 0o777, 0o755, 'another account, such as nginx’s, reads it')
})

test('a release whose files are no longer there takes those that were built last', async () => {
  const folder = join(outDir, '../copy')
  await cp(outDir, folder, { recursive: true })
  await rm(join(folder, 'builds'), { recursive: true })
  assert.equal((await loadAssets(folder)).url('site.js'), assets.url('site.js'))
})

test('a folder in which nothing was built cannot be served', async () => {
  await assert.rejects(loadAssets(folder))
})
