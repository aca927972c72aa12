import { COLUMNS_MAX, type ImportColumn, type ImportProblem } from './importer.ts'
import { isTaskField } from './task-fields.ts'

/** What the owner chose for one column, by its name in the header. */
export interface ColumnChoice {
  name: string
  becomes: ImportColumn['becomes']
  /** The info key of a data column; the header's name when absent. */
  key?: string | undefined
}

/**
 * What each column of a header becomes: by the owner's choice, else PyBossa's columns by their names, all others
 * data. Names are compared and kept without the blanks around them.
 *
 * @param line of the header, for the problems
 */
export function planColumns(
  header: readonly string[],
  line: number,
  choices: readonly ColumnChoice[],
): { columns: ImportColumn[]; problems: ImportProblem[] } {
  if (header.length > COLUMNS_MAX) return { columns: [], problems: [tooManyColumns(header.length, line)] }
  const names = header.map((name) => name.trim())
  const chosen = new Map(choices.map((choice) => [choice.name.trim(), choice]))
  const columns = names.map((name) => planColumn(name, chosen.get(name)))
  const nameProblems = problemsOfNames(names, line)
  if (nameProblems.length > 0) return { columns, problems: nameProblems }
  return { columns, problems: [...problemsOfChoices(choices, names, line), ...problemsOfUses(columns, line)] }
}

function planColumn(name: string, choice: ColumnChoice | undefined): ImportColumn {
  const becomes = choice?.becomes ?? usualUse(name)
  return becomes === 'data' ? { name, becomes, key: choice?.key ?? name } : { name, becomes }
}

/** PyBossa sets a task's state from such a column; a new task of ours is always open, so it is left out. */
function usualUse(name: string): ImportColumn['becomes'] {
  if (isTaskField(name)) return name
  return name === 'state' ? 'ignore' : 'data'
}

function tooManyColumns(count: number, row: number): ImportProblem {
  return {
    row,
    message: `Line ${row}: the header has ${count} columns; at most ${COLUMNS_MAX} can be imported.`,
    advice: 'Delete the columns that contributors do not need, and check that the delimiter is right.',
  }
}

function problemsOfNames(names: readonly string[], row: number): ImportProblem[] {
  const problems: ImportProblem[] = []
  const firstWith = new Map<string, number>()
  for (const [index, name] of names.entries()) {
    const first = firstWith.get(name)
    if (name === '') problems.push(emptyName(index + 1, row))
    else if (first === undefined) firstWith.set(name, index + 1)
    else problems.push(duplicateName(name, first, index + 1, row))
  }
  return problems
}

function emptyName(position: number, row: number): ImportProblem {
  return {
    row,
    column: `column ${position}`,
    message: `Line ${row}: column ${position} of the header has no name.`,
    advice: 'Give the column a name in the first line, or delete the column.',
  }
}

function duplicateName(name: string, first: number, second: number, row: number): ImportProblem {
  return {
    row,
    column: name,
    message: `Line ${row}: columns ${first} and ${second} of the header are both named "${name}".`,
    advice:
      'Rename one of them. If this line is a row and not a header, add a line with the column names above it.',
  }
}

function problemsOfChoices(
  choices: readonly ColumnChoice[],
  names: readonly string[],
  row: number,
): ImportProblem[] {
  const unknown = choices.filter((choice) => !names.includes(choice.name.trim()))
  return unknown.map(({ name }) => ({
    row,
    column: name,
    message: `Line ${row}: the header has no column "${name}", for which a use was chosen.`,
    advice: 'Choose again what each column becomes.',
  }))
}

function problemsOfUses(columns: readonly ImportColumn[], row: number): ImportProblem[] {
  const problems: ImportProblem[] = []
  const firstWith = new Map<string, string>()
  for (const { name, becomes, key } of columns) {
    if (becomes === 'ignore') continue
    const use = becomes === 'data' ? `the data key "${key ?? name}"` : becomes
    const first = firstWith.get(use)
    if (first === undefined) firstWith.set(use, name)
    else problems.push(sameUse(first, name, use, row))
  }
  if (!columns.some(({ becomes }) => becomes === 'data')) problems.push(noData(row))
  return problems
}

function sameUse(first: string, second: string, use: string, row: number): ImportProblem {
  return {
    row,
    column: second,
    message: `Line ${row}: the columns "${first}" and "${second}" would both become ${use}.`,
    advice: 'Choose another use or another name for one of them.',
  }
}

function noData(row: number): ImportProblem {
  return {
    row,
    message: `Line ${row}: no column becomes data, so there would be nothing to show to contributors.`,
    advice: 'Add a column with the question, picture or text of each task.',
  }
}
