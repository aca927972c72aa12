import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { parseTemplatePresenter } from '../../src/domain/presenters/templates.ts'
import { NewProjectForm } from '../../src/domain/projects/project-service.ts'
import { csvImporter } from '../../src/importers/csv-importer.ts'
import { bytesSource, readAll } from '../importers/sources.ts'

const DEMO = new URL('../../src/demo/', import.meta.url)
const PICTURE_PREFIX = '/media/demo/'
const KILOBYTE = 1_000

interface DemoProject {
  redundancy: number
  thumbnail: string
  presenter: { template: string; settings: { choices: string[]; pictureColumn: string }; tutorial: string }
}

const project = JSON.parse(fileOf('project.json').toString('utf8')) as DemoProject
const licences = fileOf('README.md').toString('utf8')

function fileOf(name: string): Buffer {
  return readFileSync(new URL(name, DEMO))
}

/** Each task's picture, as the task list names it. */
async function picturesOfTasks(): Promise<string[]> {
  const tasks = await readAll(csvImporter, bytesSource(fileOf('tasks.csv'), 4_096))
  return tasks.map(({ info }) => {
    const { [project.presenter.settings.pictureColumn]: picture } = info
    assert.equal(typeof picture, 'string')
    return String(picture)
  })
}

/**
 * Width and height from a JPEG's frame header (ITU-T T.81, B.2.2).
 *
 * @throws AssertionError for anything that is no whole JPEG.
 */
function jpegSize(bytes: Buffer): { width: number; height: number } {
  assert.equal(bytes.readUInt16BE(0), 0xffd8, 'starts as a JPEG')
  assert.equal(bytes.readUInt16BE(bytes.length - 2), 0xffd9, 'ends as a JPEG')
  let at = 2
  while (!isFrameHeader(bytes.readUInt16BE(at))) at += 2 + bytes.readUInt16BE(at + 2)
  return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) }
}

/** Baseline, extended or progressive. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xffc0 && marker <= 0xffc2
}

test('the demo project has at least 36 tasks, each with a picture of its own', async () => {
  const pictures = await picturesOfTasks()
  assert.ok(pictures.length >= 36, `${pictures.length} tasks`)
  assert.equal(new Set(pictures).size, pictures.length)
})

test('every picture of the demo tasks ships, and no other', async () => {
  const pictures = await picturesOfTasks()
  const shipped = readdirSync(new URL('media/', DEMO)).map((name) => `${PICTURE_PREFIX}${name}`)
  assert.deepEqual(pictures.toSorted(), shipped.toSorted())
})

test('every picture is a JPEG of the size that the licence list states', async () => {
  assert.match(licences, /`media\/hubble-.*640 × 640/)
  for (const picture of await picturesOfTasks()) {
    const size = jpegSize(fileOf(picture.replace(PICTURE_PREFIX, 'media/')))
    assert.deepEqual(size, { width: 640, height: 640 }, picture)
  }
})

test('all pictures together are smaller than 2.5 MB', () => {
  const names = readdirSync(new URL('media/', DEMO))
  const total = names.reduce((sum, name) => sum + fileOf(`media/${name}`).length, 0)
  assert.ok(total < 2_500 * KILOBYTE, `${total} bytes`)
})

test('the thumbnail is a JPEG of 800 × 450 below 90 kB', () => {
  const bytes = fileOf(project.thumbnail)
  assert.deepEqual(jpegSize(bytes), { width: 800, height: 450 })
  assert.ok(bytes.length < 90 * KILOBYTE, `${bytes.length} bytes`)
})

test('the demo project passes the checks of the forms that owners use', () => {
  assert.equal(NewProjectForm.parse(project).shortName, 'deep-field-galaxies')
  const { template, settings, tutorial } = project.presenter
  const presenter = parseTemplatePresenter(template, settings, tutorial)
  assert.deepEqual(presenter.settings['choices'], project.presenter.settings.choices)
  assert.equal(project.presenter.settings.choices.length, 5)
  assert.equal(presenter.tutorial?.split('\n').length, 2)
  assert.equal(project.redundancy, 3)
})

test('the source, its credit line and its licence are stated', () => {
  const credit = /NASA, ESA, G\. Illingworth, D\. Magee, and P\. Oesch/
  assert.match(licences, /Hubble eXtreme Deep Field/)
  assert.match(licences, /hubblesite\.org\/newscenter\/archive\/releases\/2012\/37/)
  assert.match(licences, /public domain/)
  assert.match(licences, credit)
  assert.match(NewProjectForm.parse(project).longDescription, credit)
})

test('every file of the demo project has a line in the licence list', () => {
  for (const name of readdirSync(DEMO).filter((each) => each !== 'README.md')) {
    assert.ok(licences.includes(`| \`${name}`), name)
  }
})
