import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
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
  const { mtimeMs } = await stat(join(outDir, 'manifest.json'))
  await buildAssets({ outDir })
  assert.equal((await stat(join(outDir, 'manifest.json'))).mtimeMs, mtimeMs)
})

test('builds at once, over one of other sources, leave one whole folder', async () => {
  await writeFile(join(outDir, 'sources'), 'other')
  const before = await readFile(join(outDir, 'manifest.json'), 'utf8')
  await Promise.all([buildAssets({ outDir }), buildAssets({ outDir })])
  assert.equal(await readFile(join(outDir, 'manifest.json'), 'utf8'), before)
  assert.deepEqual(await readdir(dirname(outDir)), ['assets'])
  assert.equal((await stat(outDir)).mode & 0o777, 0o755, 'another account, such as nginx’s, reads it')
})

test('a folder in which nothing was built cannot be served', async () => {
  await assert.rejects(loadAssets(folder))
})
