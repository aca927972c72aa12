import { createHash, randomUUID } from 'node:crypto'
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { build } from 'esbuild'
import type { Plugin } from 'esbuild'

const browser = fileURLToPath(new URL('../browser', import.meta.url))

/** What pages refer to by name, and where it is made from. */
const ENTRIES = {
  'site.css': 'styles/site.css',
  'favicon.svg': 'images/favicon.svg',
  'site.js': 'site/site.ts',
  'resumable-file.js': 'site/resumable-file.ts',
  'deploy-log.js': 'site/deploy-log.ts',
  'picture-cutter.js': 'site/picture-cutter.ts',
  'contribute.js': 'contribute/contribute.ts',
  'presenter-preview.js': 'contribute/presenter-preview.ts',
  'field-guide.js': 'contribute/field-guide.ts',
  'editor.js': 'editor/editor.ts',
  'editor.css': 'styles/editor.css',
  'presenter-frame.js': 'presenter/presenter-frame.ts',
  'owner-page.js': 'contribute/owner-page.ts',
  'presenter-code.js': 'presenter/presenter-code.ts',
  'presenter-kit.js': 'presenter/kit/presenter-kit.ts',
  'presenter-kit.css': 'presenter/kit/presenter-kit.css',
  'presenter-again.js': 'presenter/kit/presenter-again.ts',
  'pybossa-throbber.js': 'presenter/kit/files/throbber.ts',
  'pybossa-raphael.js': 'presenter/kit/files/raphael.ts',
  'pybossa-serialize.js': 'presenter/kit/files/serialize.ts',
  'pybossa-pdf.js': 'presenter/kit/files/pdf.ts',
  'pybossa-pdf-reader.js': 'presenter/kit/files/pdf-reader.ts',
  'pybossa-d3.js': fileURLToPath(import.meta.resolve('d3/d3.min.js')),
  'pybossa-word-cloud.js': 'presenter/kit/files/word-cloud.ts',
  'pybossa-migrate.js': 'presenter/kit/files/migrate.ts',
  'pybossa-fancybox.js': 'presenter/kit/files/fancybox.ts',
  'pybossa-fancybox.css': 'presenter/kit/files/fancybox.css',
  'pybossa-dragging.js': 'presenter/kit/files/dragging.ts',
  'presenter.css': 'presenter/presenter.css',
}

/** Files built for browsers: a name that pages use, and the stamped name that is served. */
export interface Assets {
  /** The address of a file by its name, such as site.css. @throws Error for a name that was not built. */
  url(name: string): string
  /** The stamped name of a file, such as site-ABC.css for site.css; undefined when it was not built. */
  stamped(name: string): string | undefined
  /** The stamped file's content in the best encoding that is accepted; undefined when there is none. */
  find(file: string, accepts: (encoding: string) => boolean): AssetFile | undefined
}

export interface AssetFile {
  content: Buffer
  type: string
  encoding: string | undefined
}

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.woff2': 'font/woff2',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
}

/** Packages from before WOFF2 name their fonts in forms besides that no browser of today fetches. */
const fontsOfToday: Plugin = {
  name: 'fonts of today',
  setup({ onResolve }) {
    onResolve({ filter: /\.(eot|woff|ttf|svg)([?#].*)?$/ }, ({ path, kind, importer }) =>
      kind === 'url-token' && importer.includes('node_modules') ? { path, external: true } : undefined,
    )
  },
}

/** d3 looks for the page in `this`, which strict code has not: it is served as its makers made it. */
const asItIs: Plugin = {
  name: 'as it is',
  setup({ onLoad }) {
    onLoad({ filter: /node_modules\/d3\/d3\.min\.js$/ }, async ({ path }) => ({
      contents: await readFile(path),
      loader: 'copy',
    }))
  },
}

/** PDF.js 1 asks for parts of Node where it runs there, which is never here. */
const withoutNode: Plugin = {
  name: 'without node',
  setup({ onResolve }) {
    onResolve({ filter: /^(url|fs|https?)$/ }, ({ path, importer }) =>
      importer.includes('pdfjs-legacy') ? { path, external: true } : undefined,
    )
  },
}

/** A task waits for these scripts and styles: they are worth the second that a twentieth less of them costs. */
const AWAITED = 'presenter-'

const compressBrotli = promisify(brotliCompress)
const compressGzip = promisify(gzip)

/** So many builds stay side by side, as many as a host keeps releases: pages of an older one still ask for its files. */
const BUILDS_KEPT = 5

/** What one build made: stamped names by plain ones, and all its files. */
interface Build {
  manifest: Record<string, string>
  files: string[]
}

/**
 * Bundles what browsers get into a folder, under names with a hash of the content, compressed ahead, beside what was
 * built from other sources. What is there of these sources is not built again. Several processes may build at once: a
 * build counts when its last file is there.
 *
 * @param options.minify false keeps every statement apart, so that what ran of it can be measured
 */
export async function buildAssets({
  outDir,
  minify = true,
}: {
  outDir: string
  minify?: boolean
}): Promise<void> {
  const hash = await sourcesHash()
  const known = await findBuild(outDir, hash)
  if (known) {
    await noteBuild(outDir, hash, known)
    return
  }
  await mkdir(dirname(outDir), { recursive: true })
  const making = await mkdtemp(`${outDir}-`)
  const { metafile } = await build({
    entryPoints: Object.entries({ ...ENTRIES, ...(await toolEntries()) }).map(([name, path]) => ({
      in: resolve(browser, path),
      out: name.slice(0, -extname(name).length),
    })),
    bundle: true,
    plugins: [fileUrls, fontsOfToday, withoutNode, asItIs],
    minify,
    sourcemap: 'linked',
    format: 'iife',
    target: ['es2022', 'chrome110', 'firefox115', 'safari16'],
    loader: { '.woff2': 'file', '.svg': 'file', '.png': 'dataurl' },
    entryNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    outdir: making,
    metafile: true,
    legalComments: 'none',
    logLevel: 'silent',
  })
  const names = Object.keys(metafile.outputs).map((path) => basename(path))
  const manifest = manifestOf(names)
  names.push(...(await copyDecoders(making)))
  await Promise.all(
    names.filter((name) => /\.(css|m?js|svg)$/.test(name)).map((name) => compress(join(making, name))),
  )
  const files = await moveFiles(making, outDir)
  await noteBuild(outDir, hash, { manifest, files })
  await removeOldBuilds(outDir)
}

/** `import address from 'package/file.mjs?url'` serves a file as it is, such as a script for another thread. */
const fileUrls: Plugin = {
  name: 'file-urls',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /\?url$/ }, async ({ path, importer, resolveDir }) => {
      const file = path.slice(0, -'?url'.length)
      const found = await resolve(file, { kind: 'import-statement', importer, resolveDir })
      return { path: found.path, errors: found.errors, namespace: 'file-url' }
    })
    onLoad({ filter: /.*/, namespace: 'file-url' }, async ({ path }) => ({
      contents: await readFile(path),
      loader: 'file',
    }))
  },
}

/**
 * What pdf.js loads for pictures of scanners (JBIG2, fax and JPEG 2000), by names of its own, from a folder with its
 * version. The forms without WebAssembly, which the frame's policy would have to allow.
 */
async function copyDecoders(folder: string): Promise<string[]> {
  const decoders = new URL('./wasm/', import.meta.resolve('pdfjs-dist/package.json'))
  const { version } = JSON.parse(await readFile(new URL('../package.json', decoders), 'utf8')) as {
    version: string
  }
  const names = ['jbig2_nowasm_fallback.js', 'openjpeg_nowasm_fallback.js'].map(
    (name) => `pdf-${version}/${name}`,
  )
  await mkdir(join(folder, `pdf-${version}`))
  await Promise.all(names.map((name) => copyFile(new URL(basename(name), decoders), join(folder, name))))
  return names
}

/** Each script and style in the folder of tools: `tool-map.js` from `map.ts`. */
async function toolEntries(): Promise<Record<string, string>> {
  const names = await readdir(join(browser, 'presenter/tools'))
  return Object.fromEntries(
    names
      .filter((name) => /\.(ts|css)$/.test(name))
      .map((name) => [`tool-${name.replace(/\.ts$/, '.js')}`, `presenter/tools/${name}`]),
  )
}

/** Stamped names by plain ones: site-ABC.css for site.css. */
function manifestOf(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names
      .filter((name) => !name.endsWith('.map'))
      .map((name) => [name.replace(/-[A-Z0-9]{8}(\.\w+)$/, '$1'), name]),
  )
}

async function compress(path: string): Promise<void> {
  const content = await readFile(path)
  const effort = basename(path).startsWith(AWAITED) ? 10 : 9
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: effort } }
  await Promise.all([
    compressBrotli(content, quality).then((bytes) => writeFile(`${path}.br`, bytes)),
    compressGzip(content, { level: 9 }).then((bytes) => writeFile(`${path}.gz`, bytes)),
  ])
}

/** Moves all files of a folder into another one. @returns their names. */
async function moveFiles(from: string, to: string): Promise<string[]> {
  const entries = await readdir(from, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(from, join(parentPath, name)))
  for (const folder of new Set(['builds', ...files.map(dirname)]))
    await mkdir(join(to, folder), { recursive: true })
  // nginx reads it, by another account.
  await chmod(to, 0o755)
  await Promise.all(files.map((name) => rename(join(from, name), join(to, name))))
  await rm(from, { recursive: true, force: true })
  return files
}

async function findBuild(folder: string, hash: string): Promise<Build | undefined> {
  const text = await readFile(join(folder, 'builds', hash), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as Build)
}

/** Notes that a build is whole, and the last one. */
async function noteBuild(folder: string, hash: string, made: Build): Promise<void> {
  await writeWhole(join(folder, 'builds', hash), JSON.stringify(made))
  await writeWhole(join(folder, 'manifest.json'), JSON.stringify(made.manifest))
}

/** Whoever reads the file meanwhile has the old or the new one. */
async function writeWhole(path: string, text: string): Promise<void> {
  const making = `${path}.${randomUUID()}`
  await writeFile(making, text)
  await rename(making, path)
}

/** Removes files that only belong to builds that were not wanted for long. */
async function removeOldBuilds(folder: string): Promise<void> {
  const builds = join(folder, 'builds')
  const hashes = (await readdir(builds)).filter((name) => /^[0-9a-f]{64}$/.test(name))
  const times = await Promise.all(
    hashes.map(async (hash) => {
      // Another process may remove it meanwhile.
      const at = await stat(join(builds, hash)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      )
      return { hash, at }
    }),
  )
  const order = times.sort((one, other) => other.at - one.at).map(({ hash }) => hash)
  const filesOf = async (some: string[]) =>
    (await Promise.all(some.map((hash) => findBuild(folder, hash)))).flatMap((made) => made?.files ?? [])
  const old = order.slice(BUILDS_KEPT)
  const kept = new Set(await filesOf(order.slice(0, BUILDS_KEPT)))
  const gone = (await filesOf(old)).filter((name) => !kept.has(name))
  const remove = (names: string[]) =>
    Promise.all(names.map((name) => rm(join(folder, name), { force: true })))
  // A note that is there promises its files.
  await remove(old.map((hash) => join('builds', hash)))
  await remove(gone)
}

/** Another process may remove the files of an old build meanwhile. */
async function readIfThere(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  })
}

/** Of what is built, and of the packages that it is built with. */
async function sourcesHash(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(new URL('../../package.json', import.meta.url)))
  for (const folder of [browser, join(browser, '../lib')]) {
    const files = await readdir(folder, { recursive: true, withFileTypes: true })
    const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name))
    for (const path of paths.sort()) hash.update(relative(browser, path)).update(await readFile(path))
  }
  return hash.digest('hex')
}

/**
 * Reads what `buildAssets` made into memory: pages refer to what was built from this release's sources, or else last.
 * Files of other builds are served as well. Its own build counts as wanted just now: one to which a site was taken back
 * outlives those of the releases that failed since.
 *
 * @throws Error when nothing was built there.
 */
export async function loadAssets(folder: string): Promise<Assets> {
  const hash = await sourcesHash()
  const own = await findBuild(folder, hash)
  const now = new Date()
  // Who may only read there serves them as well.
  if (own) await utimes(join(folder, 'builds', hash), now, now).catch(() => undefined)
  const manifest =
    own?.manifest ??
    (JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Record<string, string>)
  const names = (await readdir(folder, { recursive: true })).filter(
    (name) => TYPES[extname(name.replace(/\.(br|gz)$/, ''))] !== undefined,
  )
  const contents = new Map(
    await Promise.all(
      names
        .filter((name) => name !== 'manifest.json')
        .map(async (name) => [name, await readIfThere(join(folder, name))] as const),
    ),
  )
  const encodings = [
    { encoding: 'br', suffix: '.br' },
    { encoding: 'gzip', suffix: '.gz' },
  ]

  return {
    url(name) {
      const stamped = manifest[name]
      if (stamped === undefined) throw new Error(`No such file was built: ${name}`)
      return `/static/${stamped}`
    },
    stamped: (name) => manifest[name],
    find(file, accepts) {
      const type = TYPES[extname(file)]
      const plain = contents.get(file)
      if (type === undefined || plain === undefined) return undefined
      for (const { encoding, suffix } of encodings) {
        const content = contents.get(file + suffix)
        if (content && accepts(encoding)) return { content, type, encoding }
      }
      return { content: plain, type, encoding: undefined }
    },
  }
}
