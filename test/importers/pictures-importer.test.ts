import assert from 'node:assert/strict'
import test from 'node:test'
import type { ImportProblem } from '../../src/importers/importer.ts'
import { chooseImporter } from '../../src/importers/index.ts'
import { picturesImporter } from '../../src/importers/pictures-importer.ts'
import { makeZip } from '../support/make-zip.ts'
import { EMPTY_ZIP, pictureOf } from '../support/pictures.ts'
import { bytesSource, leftovers, readAll } from './sources.ts'

const source = (zip: Buffer) => bytesSource(zip, 4_096)

async function problemsIn(zip: Buffer): Promise<string[]> {
  const found: ImportProblem[] = []
  for await (const problem of picturesImporter.problems(source(zip), {})) found.push(problem)
  return found.map(({ row, message }) => `${row ?? '-'} ${message}`)
}

/** Writes another name of the same length over one in a zip, wherever it stands. */
function renamed(zip: Buffer, from: string, to: string): Buffer {
  assert.equal(from.length, to.length)
  const bytes = Buffer.from(zip)
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at)) bytes.write(to, at)
  return bytes
}

test('each picture is a task, in the order of the zip, also from folders; what systems add is left out', async () => {
  const [one, two] = [pictureOf('jpeg'), pictureOf('png')]
  const zip = await makeZip({
    'b/ä.jpg': one,
    'a.PNG': two,
    '__MACOSX/b/._ä.jpg': 'x',
    'b/.DS_Store': 'x',
    'Thumbs.db': 'x',
  })
  assert.equal(chooseImporter('birds.ZIP', zip), picturesImporter)
  const tasks = await readAll(picturesImporter, source(zip))
  const reading = picturesImporter.read(source(zip), {})
  await reading.next()
  assert.equal(leftovers().length, 1, 'it lies where what a killed process leaves is cleaned up')
  await reading.return()
  assert.deepEqual(leftovers(), [])
  assert.deepEqual(
    tasks.map(({ info, picture }) => [info, picture?.name, picture?.extension]),
    [
      [{}, 'b/ä.jpg', 'jpg'],
      [{}, 'a.PNG', 'png'],
    ],
  )
  assert.notEqual(tasks[0]?.picture?.sha256, tasks[1]?.picture?.sha256)
  const { columns, rows, total, problems } = await picturesImporter.inspect(source(zip), {})
  assert.deepEqual([total, problems], [2, []])
  assert.deepEqual(columns, [{ name: 'filename', becomes: 'data', key: 'filename' }])
  assert.deepEqual(rows, [
    { row: 1, cells: ['b/ä.jpg (1 kB)'] },
    { row: 2, cells: ['a.PNG (1 kB)'] },
  ])
})

test('everything in a zip that is no picture is told with its place and name', async () => {
  const zip = await makeZip({
    'fine.jpg': pictureOf('jpeg'),
    'notes.txt': 'Hello',
    'page.jpg': '<html><script>alert(1)</script></html>',
    'wrong.png': pictureOf('gif'),
    'empty.png': '',
    'broken.png': Buffer.concat([pictureOf('png').subarray(0, 20)]),
    'bomb.png': Buffer.concat([pictureOf('png'), Buffer.alloc(2_000_000)]),
    'xx/out.jpg': pictureOf('jpeg'),
    'root2.jpg': pictureOf('jpeg'),
    [`${'n'.repeat(501)}.jpg`]: pictureOf('jpeg'),
  })
  const hostile = renamed(renamed(zip, 'xx/out.jpg', '../out.jpg'), 'root2.jpg', '/root.jpg')
  assert.deepEqual(await problemsIn(hostile), [
    '2 “notes.txt”: This is no picture: the name has to end in .png, .jpg, .jpeg, .gif, .webp, .avif.',
    '3 “page.jpg”: It is called .jpg, and holds something else. Choose another one, or give it the name that fits.',
    '4 “wrong.png”: It is called .png, and holds a .gif. Choose another one, or give it the name that fits.',
    '5 “empty.png”: It is empty. Choose another one.',
    '6 “broken.png”: It cannot be read: it is broken. Save it anew, or choose another one.',
    '7 “bomb.png”: It is far too large once it is unpacked.',
    '8 “../out.jpg”: Its name leads out of the zip.',
    '9 “/root.jpg”: Its name leads out of the zip.',
    `10 “…${'n'.repeat(96)}.jpg”: Its name has more than 500 characters.`,
  ])
  assert.deepEqual(leftovers(), [])
})

test('two files of one name, and a file that is broken or locked, are told apart from the others', async () => {
  const zip = await makeZip({
    'one.png': pictureOf('png'),
    'two.png': pictureOf('png'),
    'end.png': pictureOf('png'),
  })
  assert.deepEqual(await problemsIn(renamed(zip, 'two.png', 'one.png')), [
    '2 “one.png”: Another file of this zip has the same name.',
  ])
  const central = (bytes: Buffer, name: string) => bytes.lastIndexOf(name) - 46
  const locked = Buffer.from(zip)
  locked.writeUInt16LE(0x0801, central(locked, 'two.png') + 8)
  assert.deepEqual(await problemsIn(locked), ['2 “two.png”: It is locked with a password.'])
  const cut = Buffer.from(zip)
  cut.writeUInt32LE(500, central(cut, 'two.png') + 24)
  assert.deepEqual(await problemsIn(cut), ['2 “two.png”: It is no zip archive, or a part of it is missing.'])
})

test('what is no zip, or holds nothing, is one problem', async () => {
  const no = '- This zip cannot be read. '
  assert.deepEqual(await problemsIn(Buffer.from('no zip')), [
    `${no}It is no zip archive, or a part of it is missing.`,
  ])
  assert.deepEqual(await problemsIn(EMPTY_ZIP), [`${no}There is no file in it.`])
  const litter = await makeZip({ '__MACOSX/a.jpg': 'x' })
  assert.deepEqual(await problemsIn(litter), [`${no}There is no file in it.`])
  // It says that it unpacks to more than any disk has.
  const huge = await makeZip({ 'a.png': pictureOf('png'), 'b.png': pictureOf('png') })
  for (const name of ['a.png', 'b.png']) huge.writeUInt32LE(0xf0000000, huge.lastIndexOf(name) - 46 + 24)
  for (const name of ['a.png', 'b.png']) huge.writeUInt16LE(8, huge.lastIndexOf(name) - 46 + 10)
  assert.deepEqual(await problemsIn(huge), [`${no}It is too large once it is unpacked.`])
})
