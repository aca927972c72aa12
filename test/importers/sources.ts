import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Importer, ImportInspection, ImportSource, NewTask } from '../../src/importers/importer.ts'

const DATA = new URL('task-lists/', import.meta.url)

const folder = mkdtempSync(join(tmpdir(), 'manyhands-sources-'))
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true })
})
const SOURCE_CONFIG = { folders: { data: folder, files: folder, assets: folder } }

/** What reading sources left on this machine. */
export function leftovers(): string[] {
  const scratch = join(folder, 'scratch')
  return existsSync(scratch) ? readdirSync(scratch) : []
}

/** One of the files beside these tests. */
export function fileSource(name: string): ImportSource {
  return bytesSource(readFileSync(new URL(name, DATA)))
}

export function textSource(text: string): ImportSource {
  return bytesSource(Buffer.from(text))
}

/** Arrives in chunks of an odd size, so that characters and rows lie across their ends. */
export function bytesSource(bytes: Uint8Array, chunkBytes = 7): ImportSource {
  async function* open() {
    for (let from = 0; from < bytes.length; from += chunkBytes) {
      yield await Promise.resolve(bytes.subarray(from, from + chunkBytes))
    }
  }
  return sourceOf(open)
}

export function sourceOf(open: ImportSource['open']): ImportSource {
  return { open, config: SOURCE_CONFIG }
}

export async function readAll(
  importer: Importer,
  source: ImportSource,
  options: unknown = {},
): Promise<NewTask[]> {
  const tasks: NewTask[] = []
  for await (const task of importer.read(source, options)) tasks.push(task)
  return tasks
}

/** What inspecting says to be wrong, as `row / column / message`. */
export function problemsOf(inspection: ImportInspection): string[] {
  return inspection.problems.map(
    ({ row, column, message }) => `${row ?? '-'} / ${column ?? '-'} / ${message}`,
  )
}
