import { readFileSync } from 'node:fs'
import type { Importer, ImportInspection, ImportSource, NewTask } from '../../src/importers/importer.ts'

const DATA = new URL('task-lists/', import.meta.url)

/** One of the files beside these tests. */
export function fileSource(name: string): ImportSource {
  return bytesSource(readFileSync(new URL(name, DATA)))
}

export function textSource(text: string): ImportSource {
  return bytesSource(Buffer.from(text))
}

/** Arrives in chunks of an odd size, so that characters and rows lie across their ends. */
export function bytesSource(bytes: Uint8Array, chunkBytes = 7): ImportSource {
  return async function* () {
    for (let from = 0; from < bytes.length; from += chunkBytes) {
      yield await Promise.resolve(bytes.subarray(from, from + chunkBytes))
    }
  }
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
