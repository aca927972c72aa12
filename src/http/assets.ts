import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
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

/**
 * Bundles what browsers get into a folder, under names with a hash of the content, compressed ahead. A folder that was
 * built from the same sources is left as it is. Several processes may build at once: the folder is switched whole.
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
  if ((await readFile(join(outDir, 'sources'), 'utf8').catch(() => '')) === hash) return
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
  await writeFile(join(making, 'manifest.json'), JSON.stringify(manifestOf(names)))
  names.push(...(await copyDecoders(making)))
  await Promise.all(
    names.filter((name) => /\.(css|m?js|svg)$/.test(name)).map((name) => compress(join(making, name))),
  )
  await writeFile(join(making, 'sources'), hash)
  // nginx reads it, by another account.
  await chmod(making, 0o755)
  await switchFolder(making, outDir)
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

async function switchFolder(from: string, to: string): Promise<void> {
  const old = `${from}-old`
  await rename(to, old).catch(() => undefined)
  try {
    await rename(from, to)
  } catch {
    // Somebody else was faster with the same content.
    await rm(from, { recursive: true, force: true })
  }
  await rm(old, { recursive: true, force: true })
}

async function sourcesHash(): Promise<string> {
  const hash = createHash('sha256')
  for (const folder of [browser, join(browser, '../lib')]) {
    const files = await readdir(folder, { recursive: true, withFileTypes: true })
    const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name))
    for (const path of paths.sort()) hash.update(relative(browser, path)).update(await readFile(path))
  }
  return hash.digest('hex')
}

/** Reads what `buildAssets` made into memory. @throws Error when nothing was built there. */
export async function loadAssets(folder: string): Promise<Assets> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Record<string, string>
  const names = (await readdir(folder, { recursive: true })).filter(
    (name) => TYPES[extname(name.replace(/\.(br|gz)$/, ''))] !== undefined,
  )
  const contents = new Map(
    await Promise.all(
      names
        .filter((name) => name !== 'manifest.json')
        .map(async (name) => [name, await readFile(join(folder, name))] as const),
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
