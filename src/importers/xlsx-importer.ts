import { CsvOptions } from './csv-importer.ts'
import { CsvTable } from './csv-table.ts'
import { defineImporter, type ImportFinding, type ImportProblem, type ImportSource } from './importer.ts'
import { SheetRows, type SheetRow } from './xlsx-rows.ts'
import { openWorkbook } from './xlsx-workbook.ts'
import { readXml } from './xml-reader.ts'
import { InvalidError } from '../lib/errors.ts'
import { inZip, ZipError, type OpenZip } from './zip-source.ts'

/**
 * Task lists as a workbook of Excel, LibreOffice or Google Sheets: its first sheet that is not hidden, by the rules of
 * CSV. What cells become is in docs/importing.md.
 */
export const xlsxImporter = defineImporter({
  name: 'xlsx',
  label: 'Excel',
  options: CsvOptions.omit({ delimiter: true }),
  accepts: (fileName) => fileName !== undefined && /\.xlsx$/i.test(fileName),
  find: findInXlsx,
})

async function* findInXlsx(
  source: ImportSource,
  options: { columns: CsvOptions['columns'] },
): AsyncGenerator<Iterable<ImportFinding>, void, undefined> {
  const table = new SheetTable(new CsvTable(options.columns))
  try {
    for await (const rows of inZip(source, readRows)) {
      yield table.find(rows)
      if (table.isAbandoned) return
    }
  } catch (error) {
    if (!(error instanceof ZipError || error instanceof InvalidError)) throw error
    return yield [{ kind: 'problem', problem: unreadable(error) }, { kind: 'abandoned' }]
  }
  yield table.end()
}

async function* readRows(zip: OpenZip): AsyncGenerator<SheetRow[], void, undefined> {
  const { sheet, ...rules } = await openWorkbook(zip)
  const rows = new SheetRows(rules)
  yield* readXml(zip.read(sheet), rows, () => rows.take())
}

/** Rows of a sheet have no cells where nothing was written: they are as long as the header. */
class SheetTable {
  readonly #table: CsvTable
  #header: string[] | undefined

  constructor(table: CsvTable) {
    this.#table = table
  }

  get isAbandoned(): boolean {
    return this.#table.isAbandoned
  }

  *find(rows: Iterable<SheetRow>): Generator<ImportFinding, void, undefined> {
    for (const row of rows) {
      if (row.fault === undefined) yield* this.#table.find([this.#whole(row)])
      else yield { kind: 'problem', problem: problemOf(row, this.#header ?? []) }
      if (this.#table.isAbandoned) return
    }
  }

  end(): Generator<ImportFinding, void, undefined> {
    return this.#table.end()
  }

  #whole({ line, cells }: SheetRow) {
    const whole = [...cells]
    if (this.#header !== undefined) while (whole.length < this.#header.length) whole.push('')
    else if (cells.length > 0) this.#header = whole
    return { kind: 'row', line, cells: whole } as const
  }
}

function problemOf({ line, fault }: SheetRow, header: readonly string[]): ImportProblem {
  const column = fault?.cell === undefined ? undefined : (header[fault.cell] ?? `column ${fault.cell + 1}`)
  return {
    row: line,
    ...(column === undefined ? {} : { column }),
    message: `Line ${line}${column === undefined ? '' : `, column "${column}"`}: ${fault?.text ?? ''}.`,
    advice: 'Correct it in the sheet, or delete the row.',
  }
}

function unreadable({ message }: Error): ImportProblem {
  return {
    message: `This is no Excel workbook that can be read. ${message}`,
    advice: 'Open it in a spreadsheet program and save it as .xlsx without a password, or as CSV.',
  }
}
