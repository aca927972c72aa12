import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { CSV_DELIMITERS, detectDelimiter } from '../../src/lib/csv-delimiter.ts'
import { CsvReader, type CsvPiece } from '../../src/lib/csv-reader.ts'

function read(text: string, { delimiter = ',', pieceLength = 4, rowLengthMax = 1000 } = {}): CsvPiece[] {
  const reader = new CsvReader({ delimiter, rowLengthMax })
  const pieces: CsvPiece[] = []
  for (let from = 0; from < text.length; from += pieceLength) {
    pieces.push(...reader.read(text.slice(from, from + pieceLength), false))
  }
  return [...pieces, ...reader.read('', true)]
}

function cellsOf(pieces: CsvPiece[]): (string[] | CsvPiece)[] {
  return pieces.map((piece) => (piece.kind === 'row' ? piece.cells : piece))
}

const cell = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', ' ', '"', ',', ';', '\t', '|', '\r', '\n', 'é', '🌳'),
    maxLength: 6,
  }),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const table = fc
  .integer({ min: 1, max: 4 })
  .chain((width) =>
    fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }),
  )
const dialect = fc.record({
  delimiter: fc.constantFrom(...CSV_DELIMITERS),
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  endsWithLineEnd: fc.boolean(),
  pieceLength: fc.integer({ min: 1, max: 30 }),
})

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

test('any table of strings, quoted, reads back exactly in every dialect', () => {
  const property = fc.property(
    table,
    dialect,
    (rows, { delimiter, lineEnd, endsWithLineEnd, pieceLength }) => {
      const lines = rows.map((row) => row.map(quoted).join(delimiter))
      const text = lines.join(lineEnd) + (endsWithLineEnd ? lineEnd : '')
      assert.deepEqual(cellsOf(read(text, { delimiter, pieceLength })), rows)
    },
  )
  fc.assert(property, { numRuns: 500 })
})

test('cells quoted only where they must be read back exactly as well', () => {
  const property = fc.property(table, dialect, (rows, { delimiter, lineEnd, pieceLength }) => {
    const write = (text: string) => (/^"|[,;\t|\r\n]/.test(text) ? quoted(text) : text)
    const text = rows.map((row) => row.map(write).join(delimiter) + lineEnd).join('')
    assert.deepEqual(cellsOf(read(text, { delimiter, pieceLength })), rows)
  })
  fc.assert(property, { numRuns: 500 })
})

test('whatever a strict reader accepts is read as that reader reads it', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '"', ',', '\n', '\r\n'), maxLength: 20 })
  let accepted = 0
  const property = fc.property(text, fc.integer({ min: 1, max: 9 }), (value, pieceLength) => {
    let wanted: string[][]
    try {
      wanted = parse(value, { relax_column_count: true, record_delimiter: ['\r\n', '\n', '\r'] })
    } catch {
      return
    }
    accepted++
    assert.deepEqual(cellsOf(read(value, { pieceLength })), wanted)
  })
  fc.assert(property, { numRuns: 2000 })
  assert.ok(accepted > 200, `only ${accepted} texts were compared`)
})

test('rows know the line they begin in, whatever the line ends', () => {
  const pieces = read('a\r\n"b\r\nb\nb\rb"\r\n\rc\nd', { pieceLength: 1 })
  assert.deepEqual(
    pieces.map(({ line }) => line),
    [1, 2, 6, 7, 8],
  )
})

test('a quote after the beginning of a cell is text', () => {
  assert.deepEqual(cellsOf(read('a "b" c,5" pipe, "d"\n')), [['a "b" c', '5" pipe', ' "d"']])
})

test('text after a closing quote is a fault, and reading goes on at the next line', () => {
  assert.deepEqual(read('a,"b"c\nd\n"e\nf"g,"h"\r\n"i" ,j\nk'), [
    { kind: 'text-after-quote', line: 1, cell: 2, faultLine: 1 },
    { kind: 'row', line: 2, cells: ['d'] },
    { kind: 'text-after-quote', line: 3, cell: 1, faultLine: 4 },
    { kind: 'text-after-quote', line: 5, cell: 1, faultLine: 5 },
    { kind: 'row', line: 6, cells: ['k'] },
  ])
})

test('a quote that is never closed is a fault at its line', () => {
  assert.deepEqual(read('a\n"b\nb",c,"d\n\ne'), [
    { kind: 'row', line: 1, cells: ['a'] },
    { kind: 'quote-not-closed', line: 2, cell: 3, faultLine: 3 },
  ])
})

test('a row that is too long is a fault; reading ends when its end is not in sight', () => {
  const row = { kind: 'row', line: 1, cells: ['a'] }
  const limits = { rowLengthMax: 20, pieceLength: 15 }
  assert.deepEqual(read(`a\n${'b'.repeat(60)}\nc\n`, limits), [
    row,
    { kind: 'row-too-long', line: 2, isFatal: true, isQuoteOpen: false },
  ])
  assert.deepEqual(read(`a\n"${'b\n'.repeat(40)}`, limits), [
    row,
    { kind: 'row-too-long', line: 2, isFatal: true, isQuoteOpen: true },
  ])
  assert.deepEqual(read(`a\n${'b'.repeat(25)}\nc\n`, { rowLengthMax: 20, pieceLength: 100 }), [
    row,
    { kind: 'row-too-long', line: 2, isFatal: false, isQuoteOpen: false },
    { kind: 'row', line: 3, cells: ['c'] },
  ])
})

test('the cell in which the text so far ends is known', () => {
  const openCell = (text: string) => {
    const reader = new CsvReader({ delimiter: ',', rowLengthMax: 100 })
    for (const { kind } of reader.read(text, false)) assert.equal(kind, 'row')
    return reader.openCell
  }
  assert.equal(openCell(''), 1)
  assert.equal(openCell('a,b\n'), 1)
  assert.equal(openCell('a,b\nc,d'), 2)
  assert.equal(openCell('a,b\nc,"d, e'), 2)
})

test('the delimiter is the one with which rows fit the header', () => {
  assert.equal(detectDelimiter('a;b\n1,2;3\n', true), ';')
  assert.equal(detectDelimiter('a,b;c\n1,2\n3,4\n', true), ',')
  assert.equal(detectDelimiter('a\tb\tc\n1\t2\t3\n', true), '\t')
  assert.equal(detectDelimiter('a|b\n"x\n|",2\n1|2\n', true), '|')
  assert.equal(detectDelimiter('a,b|c|d\n1,2|3|4\n', true), '|')
})

test('blank lines and an unfinished last row do not count for the delimiter', () => {
  assert.equal(detectDelimiter('\n ; \na,b\n\n1,2\n3;4;', false), ',')
})

test('a text that nothing splits, or only a header, is still read', () => {
  assert.equal(detectDelimiter('a\nb\n', true), ',')
  assert.equal(detectDelimiter('', true), ',')
  assert.equal(detectDelimiter('a;b;c', true), ';')
})
