import { csvLine, safeCell } from '../lib/csv-line.ts'
import type { ImportProblem } from './importer.ts'

/** Nobody mends more rows than these one by one. */
const PROBLEMS_MAX = 100_000

export interface ProblemReport {
  /** As a CSV file: where each problem is, what it is, and what to do. */
  text: AsyncIterable<string>
  /** What the text has told so far. */
  count(): number
}

/** A list of problems for a person's spreadsheet program. */
export function reportOf(problems: AsyncIterable<ImportProblem>): ProblemReport {
  let count = 0
  async function* lines(): AsyncGenerator<string> {
    yield csvLine(['row', 'column', 'problem', 'advice'])
    for await (const problem of problems) {
      if (count === PROBLEMS_MAX) {
        const more = `There are more than these ${PROBLEMS_MAX.toLocaleString('en')} problems.`
        yield csvLine(['', '', more, 'Mend these first.'])
        return
      }
      count += 1
      const { row, column, message, advice } = problem
      yield csvLine([row, column, message, advice].map((cell) => safeCell(String(cell ?? ''))))
    }
  }
  return { text: lines(), count: () => count }
}
