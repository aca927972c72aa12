import { existsSync } from 'node:fs'
import { readFile, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import type { Frame, Page } from 'playwright-core'
import { readyTemplates } from '../../src/lib/templates/index.ts'
import { addTasks } from '../../src/domain/tasks/task-service.ts'
import type { TaskInput } from '../../src/domain/tasks/task-service.ts'
import { makeProjects, startBenchServers } from './bench-site.ts'
import { judged, judgedSpread, printLines } from './report.ts'
import type { Line } from './report.ts'

const NAME = 'for-presenters'
const CLICKS = 40
const PICTURES = 4
/** Longer than a picture takes to be fetched ahead, and than the second press of a double click is passed over. */
const PAUSE_MS = 500
const NEXT_TASK_MS_MAX = 100
const TEMPLATE_KB_MAX = 60
const TOOLS = 'src/browser/presenter/tools'
/** Less than this between a tool as it is served and its own part is the difference of two compressions. */
const NO_LIBRARY_KB = 1

/** The next task after a click, and the weight of what a volunteer loads. Resolves with whether all limits hold. */
export async function benchPresenters(): Promise<boolean> {
  const servers = await startBenchServers()
  try {
    await makeProjects(servers, [NAME], (_app, db, projectId) =>
      db().write((tx) => addTasks(tx, projectId, pictureTasks())),
    )
    const browser = await chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu'],
    })
    try {
      const page = await browser.newPage()
      const files = collectFiles(page)
      const times = await timeClicks(page, `${servers.web.url}/project/${NAME}/newtask`)
      const name = 'milliseconds from the click to the frame it is painted in'
      const speed = judgedSpread(name, times, { max: NEXT_TASK_MS_MAX })
      printLines('The next task in Chromium, preloaded, after a click on a choice', [speed])
      const size = await printSizes(servers.env['ASSETS_DIR'] ?? '', files)
      return [speed, size].every(({ holds }) => holds)
    } finally {
      await browser.close()
    }
  } finally {
    await servers.stop()
  }
}

async function* pictureTasks(): AsyncGenerator<TaskInput> {
  for (let n = 1; n <= CLICKS + 5; n += 1) {
    const info = { picture: `/media/demo/hubble-00${(n % PICTURES) + 1}.jpg?n=${n}` }
    yield await Promise.resolve({ info, nAnswers: 30 })
  }
}

/** Our own scripts and styles that the page and its frame ask for, by their stamped names. */
function collectFiles(page: Page): Set<string> {
  const files = new Set<string>()
  page.on('response', (response) => {
    const { pathname } = new URL(response.url())
    if (/^\/static\/.*\.(js|css)$/.test(pathname)) files.add(basename(pathname))
  })
  return files
}

async function timeClicks(page: Page, url: string): Promise<number[]> {
  await page.goto(url)
  const element = await page.waitForSelector('#presenter-frame')
  const frame = await element.contentFrame()
  if (!frame) throw new Error('The presenter has no frame')
  await frame.getByRole('button', { name: 'Yes' }).waitFor()
  await frame.evaluate(NOTE_TURNS)
  for (let n = 1; n <= CLICKS; n += 1) {
    await page.waitForTimeout(PAUSE_MS)
    await frame.getByRole('button', { name: n % 2 === 0 ? 'Yes' : 'No' }).click()
    await frame.locator(`body[data-turns="${n}"]`).waitFor({ state: 'attached' })
  }
  return turnsOf(frame)
}

function turnsOf(frame: Frame): Promise<number[]> {
  return frame.evaluate<number[]>('turns')
}

/** Notes for each click how long it took until another picture stood on the screen. */
const NOTE_TURNS = `(() => {
  window.turns = []
  const shown = () => [...document.images].find((image) => image.checkVisibility() && image.complete && image.naturalWidth > 0)
  document.addEventListener('click', ({ timeStamp }) => {
    const before = shown()?.src
    const look = () => {
      const now = shown()?.src
      if (now === undefined || now === before) requestAnimationFrame(look)
      else requestAnimationFrame(() => { document.body.dataset.turns = turns.push(performance.now() - timeStamp) })
    }
    look()
  }, true)
})()`

/** What a volunteer loads with each of the templates: all but the library of its kind counts. */
async function printSizes(folder: string, files: ReadonlySet<string>): Promise<Line> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Record<string, string>
  const built = new Set(await readdir(folder))
  const size = async (file: string) =>
    built.has(`${file}.br`) ? (await stat(join(folder, `${file}.br`))).size / 1000 : 0
  const sized = async (names: readonly string[]) =>
    Promise.all(names.map(async (name) => ({ name, kilobytes: await size(manifest[name] ?? name) })))
  const shared = await sized([...files].filter((file) => !file.startsWith('tool-')).sort())
  const sharedSize = sum(shared)
  const tools = await Promise.all(
    readyTemplates.map(async ({ id }) => {
      const own = await ownSize(id)
      const whole = sum(await sized([`tool-${id}.js`, `tool-${id}.css`]))
      return { id, own: sharedSize + own, library: Math.max(0, whole - own) }
    }),
  )
  printLines('Script and style of every template’s page and frame, kB compressed (brotli)', plain(shared))
  printLines(
    'The same with the tool of a template, and its library apart',
    tools.map(({ id, own, library }) => ({
      name: library < NO_LIBRARY_KB ? id : `${id} (library ${library.toFixed(1)})`,
      value: own.toFixed(1),
    })),
  )
  const largest = Math.max(...tools.map(({ own }) => own))
  const line = judged('the heaviest template without its library', largest, { max: TEMPLATE_KB_MAX })
  printLines('All templates', [line])
  printLines(
    'Only for presenters that owners wrote, kB compressed (brotli)',
    plain(await sized(['presenter-kit.js', 'presenter-kit.css', 'presenter-code.js'])),
  )
  return line
}

interface Sized {
  readonly name: string
  readonly kilobytes: number
}

function plain(files: readonly Sized[]): Line[] {
  return files.map(({ name, kilobytes }) => ({ name, value: kilobytes.toFixed(1) }))
}

function sum(files: readonly Sized[]): number {
  return files.reduce((total, { kilobytes }) => total + kilobytes, 0)
}

/** Kilobytes of a template's tool, compressed, when everything from a package is left out. */
async function ownSize(id: string): Promise<number> {
  const entryPoints = ['ts', 'css']
    .map((ending) => join(TOOLS, `${id}.${ending}`))
    .filter((path) => existsSync(path))
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    write: false,
    outdir: 'none',
    minify: true,
    format: 'esm',
    target: 'es2022',
    packages: 'external',
    logLevel: 'silent',
  })
  return outputFiles.reduce((total, { contents }) => total + brotliCompressSync(contents).length, 0) / 1000
}
