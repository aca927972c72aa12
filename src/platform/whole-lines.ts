import { existsSync, readFileSync } from 'node:fs'

/** The lines of a file that were written to their end; none where there is no file. */
export function wholeLines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
}
