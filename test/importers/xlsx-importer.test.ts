import assert from 'node:assert/strict'
import { test } from 'node:test'
import { xlsxImporter } from '../../src/importers/xlsx-importer.ts'
import { makeZip } from '../support/make-zip.ts'
import { bytesSource, problemsOf, readAll } from './sources.ts'

const SHEETS = `<sheet name="Old" state="hidden" sheetId="1" r:id="rId1"/><sheet name="Birds" sheetId="2" r:id="rId2"/>`

interface Parts {
  rows: string
  texts?: string
  styles?: string
  properties?: string
  more?: Record<string, string | Buffer>
}

/** A workbook as Excel writes it, with the rows in its second sheet: the first one is hidden. */
async function workbook({ rows, texts, styles, properties = '', more = {} }: Parts): Promise<Buffer> {
  const sheet = (inner: string) =>
    `<?xml version="1.0"?><worksheet><sheetData>${inner}</sheetData></worksheet>`
  return makeZip({
    '[Content_Types].xml': '<Types/>',
    'xl/workbook.xml': `<workbook xmlns:r="x">${properties}<sheets>${SHEETS}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/>
      <Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/><Relationship Target="none.xml"/></Relationships>`,
    'xl/worksheets/sheet1.xml': sheet('<row><c t="str"><v>hidden</v></c></row>'),
    'xl/worksheets/sheet2.xml': sheet(rows),
    ...(texts === undefined ? {} : { 'xl/sharedStrings.xml': `<sst>${texts}</sst>` }),
    ...(styles === undefined ? {} : { 'xl/styles.xml': `<styleSheet>${styles}</styleSheet>` }),
    ...more,
  })
}

/** A row of texts that stand in their cells. */
function textRow(line: number, ...cells: string[]): string {
  const inner = cells.map((text) => `<c t="inlineStr"><is><t>${text}</t></is></c>`).join('')
  return `<row r="${line}">${inner}</row>`
}

async function infosOf(parts: Parts): Promise<Record<string, unknown>[]> {
  const tasks = await readAll(xlsxImporter, bytesSource(await workbook(parts), 500))
  return tasks.map(({ info }) => info)
}

async function faultsOf(bytes: Buffer): Promise<string[]> {
  return problemsOf(await xlsxImporter.inspect(bytesSource(bytes, 500), {}))
}

test('cells become the texts that people see, at the place that they have', async () => {
  const infos = await infosOf({
    texts: `<si><t>picture</t></si><si><r><t>A &amp; </t></r><r><t xml:space="preserve">B ü</t></r>
      <rPh><t>phonetic</t></rPh></si>`,
    rows: `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>n</t></is></c><c r="C1" t="str"><v>yes</v></c>
        <c r="D1" t="str"><v>last</v></c></row>
      <row r="3"><c r="A3" t="s"><v>1</v></c><c r="B3"><f>1+1</f><v>2</v></c><c r="C3" t="b"><v>1</v></c></row>
      <row r="4"><c r="D4" t="b"><v>0</v></c><c r="E4"/></row><row r="5"/>
      <row><c><v>0.30000000000000004</v></c><c t="n"><v>007</v></c><c><v>x</v></c><c t="s"><v>99</v></c></row>`,
  })
  assert.deepEqual(infos, [
    { picture: 'A & B ü', n: '2', yes: 'true', last: '' },
    { picture: '', n: '', yes: '', last: 'false' },
    { picture: '0.30000000000000004', n: '7', yes: 'x', last: '' },
  ])
})

test('numbers that are shown as times become ISO times', async () => {
  const styles = `<numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/><numFmt numFmtId="165" formatCode='0.0" days"'/>
      <numFmt numFmtId="166" formatCode="[h]:mm"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>
    <cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/></cellXfs>`
  const cells = (...pairs: [style: number, value: string][]) =>
    pairs.map(([style, value]) => `<c s="${style}"><v>${value}</v></c>`).join('')
  const rows =
    textRow(1, 'a', 'b', 'c', 'd', 'e', 'f') +
    `<row>${cells([0, '45292'], [1, '45292'], [2, '45292.75'], [3, '45292'], [4, '0.5'], [1, '-1'])}</row>` +
    `<row>${cells([1, '1'], [1, '59'], [1, '61'], [1, '1e99'], [1, '0'], [9, '5'])}</row>`
  assert.deepEqual(
    (await infosOf({ rows, styles })).map((info) => Object.values(info)),
    [
      ['45292', '2024-01-01', '2024-01-01T18:00:00', '45292', '12:00:00', '-1'],
      ['1900-01-01', '1900-02-28', '1900-03-01', '1e+99', '1899-12-31', '5'],
    ],
  )
  const since1904 = await infosOf({
    styles,
    properties: '<workbookPr date1904="1"/>',
    rows: `${textRow(1, 'a')}<row>${cells([1, '43830'])}</row>`,
  })
  assert.deepEqual(since1904, [{ a: '2024-01-01' }])
})

test('PyBossa’s columns and what the owner chose hold as in CSV', async () => {
  const bytes = await workbook({ rows: textRow(1, 'a', 'n_answers', 'x') + textRow(2, 'b', '5', 'y') })
  const columns = [{ name: 'x', becomes: 'ignore' }]
  assert.deepEqual(await readAll(xlsxImporter, bytesSource(bytes), { columns }), [
    { info: { a: 'b' }, nAnswers: 5 },
  ])
  assert.deepEqual(
    (await xlsxImporter.columns(bytesSource(bytes), {})).map(({ name, becomes }) => [name, becomes]),
    [
      ['a', 'data'],
      ['n_answers', 'n_answers'],
      ['x', 'data'],
    ],
  )
})

test('what is wrong is said with its row and column', async () => {
  const rows =
    textRow(1, 'a', 'b') +
    `<row r="2"><c r="B2" t="e"><v>#N/A</v></c></row><row r="3"><c r="D3"><v>1</v></c></row>` +
    `<row r="4"><c t="str"><v>${'x'.repeat(1_000_001)}</v></c></row><row r="5"><c r="C5" t="e"><v>#REF!</v></c></row>`
  assert.deepEqual(await faultsOf(await workbook({ rows })), [
    '2 / b / Line 2, column "b": the cell holds the error #N/A.',
    '3 / - / Line 3 (data row 1) has 4 cells, but the header has 2.',
    '4 / - / Line 4: the row is too long.',
    '5 / column 3 / Line 5, column "column 3": the cell holds the error #REF!.',
  ])
  assert.deepEqual(await faultsOf(await workbook({ rows: textRow(1, 'a', 'a') + textRow(2, '1', '2') })), [
    '1 / a / Line 1: columns 1 and 2 of the header are both named "a".',
  ])
  assert.deepEqual(await faultsOf(await workbook({ rows: '' })), ['- / - / The file is empty.'])
})

test('a row with a cell far out is refused before the cells in between are made', async () => {
  const rows = `${textRow(1, 'n')}<row r="2"><c r="ZZZ2"><v>1</v></c></row>${textRow(3, 'x')}`
  assert.deepEqual(await faultsOf(await workbook({ rows })), [
    '2 / - / Line 2: there are cells behind its first 1000 columns.',
  ])
})

test('what is no workbook, or would burst, is refused', async () => {
  const no = '- / - / This is no Excel workbook that can be read. '
  assert.deepEqual(await faultsOf(Buffer.from('a,b\n')), [
    `${no}It is no zip archive, or a part of it is missing.`,
  ])
  assert.deepEqual(await faultsOf(await makeZip({ 'a.txt': 'a' })), [`${no}There is no sheet in it.`])
  const bomb = await workbook({ rows: '', more: { 'bomb.xml': Buffer.alloc(20_000_000) } })
  assert.deepEqual(await faultsOf(bomb), [`${no}"bomb.xml" is far too large once it is unpacked.`])
  const deep = await workbook({ rows: '<a>'.repeat(101) })
  assert.deepEqual(await faultsOf(deep), [`${no}Its XML is nested too deeply to be read.`])
  for (const endless of [`<!--${' '.repeat(4_100_000)}-->`, `<row r="${'1'.repeat(4_100_000)}"/>`])
    assert.deepEqual(await faultsOf(await workbook({ rows: endless })), [
      `${no}Its XML holds a tag or note that is far too long.`,
    ])
  // A zip that says its member is smaller than it is.
  const liar = await workbook({ rows: textRow(1, 'a') + textRow(2, 'b'.repeat(5_000)) })
  const name = liar.lastIndexOf('xl/worksheets/sheet2.xml')
  liar.writeUInt32LE(100, name - 46 + 24)
  assert.deepEqual(await faultsOf(liar), [`${no}It is no zip archive, or a part of it is missing.`])
})
