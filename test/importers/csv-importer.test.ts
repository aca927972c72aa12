import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidError } from '../../src/lib/errors.ts'
import { csvImporter } from '../../src/importers/csv-importer.ts'
import { ImportError } from '../../src/importers/importer.ts'
import { bytesSource, fileSource, problemsOf, readAll, sourceOf, textSource } from './sources.ts'

const BIRDS = [
  { info: { bird: 'Rotkehlchen – Köln', question: 'Singt der Vogel?' } },
  { info: { bird: 'Eisvogel – Zürich', question: 'Sitzt er am Wasser?' } },
  { info: { bird: 'Mönchsgrasmücke – Århus', question: 'Wie alt ist er?' } },
]

for (const name of [
  'plain.csv',
  'no-final-newline.csv',
  'bom-crlf.csv',
  'cr-only.csv',
  'utf16le-bom.csv',
  'utf16be-bom.csv',
  'utf16le-no-bom.csv',
  'tab.tsv',
  'pipe.csv',
]) {
  test(`${name} gives the same tasks as the plain file`, async () => {
    assert.deepEqual(await readAll(csvImporter, fileSource(name)), BIRDS)
  })
}

test('line ends of every kind may be mixed', async () => {
  const tasks = await readAll(csvImporter, fileSource('mixed-line-ends.csv'))
  assert.deepEqual(
    tasks.map(({ info }) => info),
    [
      { bird: 'Robin', question: 'one' },
      { bird: 'Wren', question: 'two' },
      { bird: 'Kite', question: 'three' },
    ],
  )
})

test('semicolons are found as the delimiter although cells hold commas', async () => {
  const tasks = await readAll(csvImporter, fileSource('semicolon.csv'))
  assert.deepEqual(tasks[1]?.info, { bird: 'Wren, female', question: 'Is it hopping, or flying?' })
})

test('the owner may name the delimiter', async () => {
  const tasks = await readAll(csvImporter, textSource('a;b,c\n1;2,3\n'), { delimiter: ',' })
  assert.deepEqual(tasks, [{ info: { 'a;b': '1;2', c: '3' } }])
})

test('one column without any delimiter is a list of tasks', async () => {
  const tasks = await readAll(csvImporter, fileSource('one-column.csv'))
  assert.deepEqual(tasks, [
    { info: { picture: 'https://example.org/1.jpg' } },
    { info: { picture: 'https://example.org/2.jpg' } },
  ])
})

test('blank lines and rows of only delimiters are no tasks', async () => {
  const inspection = await csvImporter.inspect(fileSource('blank-lines.csv'), {})
  assert.equal(inspection.total, 2)
  assert.deepEqual(inspection.problems, [])
  assert.deepEqual(
    inspection.rows.map(({ row }) => row),
    [5, 7],
  )
})

test('line breaks inside cells are kept as they are written', async () => {
  const [lf, ...others] = await readAll(csvImporter, fileSource('multiline-html.csv'))
  const [crlf] = await readAll(csvImporter, fileSource('multiline-html-crlf-bom.csv'))
  assert.equal(lf?.info['hint'], '<p class="note">First, look.</p>\n<p>Then "answer".</p>\n')
  assert.equal(crlf?.info['hint'], '<p class="note">First, look.</p>\r\n<p>Then "answer".</p>\r\n')
  assert.deepEqual(others, [{ info: { bird: 'Wren', hint: 'one\n\ntwo' } }])
})

test('quotes inside unquoted cells are text', async () => {
  const tasks = await readAll(csvImporter, fileSource('bare-quotes.csv'))
  assert.deepEqual(
    tasks.map(({ info }) => info),
    [
      {
        question: 'Is this a song?',
        embed: '<iframe width="100%" src="https://example.org/?a=1"></iframe>',
      },
      { question: 'A 3" pipe?', embed: 'none' },
    ],
  )
})

test('values are kept as text exactly as written', async () => {
  const numbers = await readAll(csvImporter, fileSource('looks-like-numbers.csv'))
  assert.deepEqual(
    numbers.map(({ info }) => Object.values(info)),
    [
      ['000123', '01234', 'true', '1e5', ''],
      ['9007199254740993', '00000', 'NaN', '0.10', 'null'],
      ['', '-0', 'None', '.5', 'NULL'],
    ],
  )
  const formulas = await readAll(csvImporter, fileSource('formula-cells.csv'))
  assert.deepEqual(formulas[0]?.info, { bird: '=1+1', question: '+2' })
  const unicode = await readAll(csvImporter, fileSource('wide-unicode.csv'))
  assert.deepEqual(unicode[3]?.info, { place: 'Cafe\u0301 and Café', note: 'zero\u200bwidth\u00a0space' })
  assert.deepEqual(unicode[4]?.info, { place: 'line\u2028separator', note: 'bell\x07' })
})

test('a column may have any name, also one that JavaScript objects know', async () => {
  const [task] = await readAll(csvImporter, fileSource('proto-header.csv'))
  assert.deepEqual(
    new Map(Object.entries(task?.info ?? {})),
    new Map([
      ['2', 'w'],
      ['10', 'z'],
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]),
  )
})

test('header names are trimmed, and PyBossa’s columns set the task and not its data', async () => {
  const tasks = await readAll(csvImporter, fileSource('spaced-header.csv'))
  assert.deepEqual(tasks, [
    {
      info: { bird: 'Robin', 'The Question': 'Is it singing?' },
      nAnswers: 3,
      priority: 0.5,
      calibration: true,
      quorum: 2,
    },
    { info: { bird: 'Wren', 'The Question': ' Is it hopping? ' } },
  ])
})

test('a known answer is JSON or a plain text; what was meant to be JSON and is none is refused', async () => {
  const cells = ['"{""answer"": ""Yes""}"', '5', '05', 'Yes', '', '"{answer: Yes}"']
  const source = textSource(
    ['picture,calibration,expected_info', ...cells.map((cell, n) => `${n},1,${cell}`)].join('\n'),
  )
  const { problems } = await csvImporter.inspect(source, {})
  assert.deepEqual(
    problems.map(({ row, column }) => `${row} ${column}`),
    ['7 expected_info'],
  )
  const tasks = await readAll(
    csvImporter,
    textSource(['a,expected_info', ...cells.slice(0, 5).map((cell) => `x,${cell}`)].join('\n')),
  )
  assert.deepEqual(
    tasks.map(({ expectedInfo }) => expectedInfo),
    [{ answer: 'Yes' }, 5, '05', 'Yes', undefined],
  )
})

test('columns id, info and project_id are data, and PyBossa’s state is left out', async () => {
  const inspection = await csvImporter.inspect(fileSource('reserved-header.csv'), {})
  assert.deepEqual(inspection.columns, [
    { name: 'id', becomes: 'data', key: 'id' },
    { name: 'info', becomes: 'data', key: 'info' },
    { name: 'state', becomes: 'ignore' },
    { name: 'project_id', becomes: 'data', key: 'project_id' },
    { name: 'bird', becomes: 'data', key: 'bird' },
  ])
  const tasks = await readAll(csvImporter, fileSource('reserved-header.csv'))
  assert.deepEqual(tasks[0], { info: { id: '7', info: '{"k": 0}', project_id: '99', bird: 'Robin' } })
})

test('the owner’s choice of what a column becomes wins over its name', async () => {
  const columns = [
    { name: 'state', becomes: 'data', key: 'region' },
    { name: 'n_answers', becomes: 'ignore' },
    { name: 'wanted', becomes: 'n_answers' },
    { name: 'bird', becomes: 'data', key: 'species' },
  ]
  const source = textSource('bird,state,n_answers,wanted\nRobin,Bavaria,many,4\n')
  assert.deepEqual(await readAll(csvImporter, source, { columns }), [
    { info: { species: 'Robin', region: 'Bavaria' }, nAnswers: 4 },
  ])
})

test('choices that do not fit the header are refused', async () => {
  const problems = async (text: string, columns: unknown) =>
    problemsOf(await csvImporter.inspect(textSource(text), { columns }))
  assert.deepEqual(await problems('a,b\n1,2\n', [{ name: 'c', becomes: 'ignore' }]), [
    '1 / c / Line 1: the header has no column "c", for which a use was chosen.',
  ])
  assert.deepEqual(await problems('a,b\n1,2\n', [{ name: 'b', becomes: 'data', key: 'a' }]), [
    '1 / b / Line 1: the columns "a" and "b" would both become the data key "a".',
  ])
  assert.deepEqual(await problems('a,b,n_answers\n1,2,3\n', [{ name: 'b', becomes: 'n_answers' }]), [
    '1 / n_answers / Line 1: the columns "b" and "n_answers" would both become n_answers.',
  ])
  assert.deepEqual(await problems('n_answers\n3\n', []), [
    '1 / - / Line 1: no column becomes data, so there would be nothing to show to contributors.',
  ])
})

test('settings that are none are refused by field', async () => {
  await assert.rejects(csvImporter.inspect(fileSource('plain.csv'), { delimiter: 'x' }), (error) => {
    assert.ok(error instanceof InvalidError)
    assert.deepEqual(Object.keys(error.fields), ['delimiter'])
    return true
  })
})

const REFUSED: Record<string, string[]> = {
  'empty.csv': ['- / - / The file is empty.'],
  'blank.csv': ['- / - / The file is empty.'],
  'header-only.csv': ['- / - / There is only a header line and no row below it, so there are no tasks.'],
  'header-only-no-newline.csv': [
    '- / - / There is only a header line and no row below it, so there are no tasks.',
  ],
  'empty-header.csv': ['1 / column 3 / Line 1: column 3 of the header has no name.'],
  'duplicate-header.csv': ['1 / bird / Line 1: columns 1 and 3 of the header are both named "bird".'],
  'no-header.csv': ['1 / 10 / Line 1: columns 2 and 3 of the header are both named "10".'],
  'ragged.csv': [
    '2 / - / Line 2 (data row 1) has 4 cells, but the header has 2.',
    '3 / - / Line 3 (data row 2) has 1 cell, but the header has 2.',
  ],
  'unterminated-quote.csv': [
    '3 / question / Line 3: the quote (") that opens the cell in column "question" is never closed.',
  ],
  'text-after-quote.csv': [
    '2 / bird / Line 3: text follows the closing quote (") of the cell in column "bird"; its row begins in line 2.',
  ],
  'latin1.csv': ['3 / bird / Line 3, character 2 (byte 37): this is not valid UTF-8 text.'],
  'nul.csv': [
    '2 / question / Line 2, character 12 (byte 25): there is a NUL character, which cannot be stored.',
  ],
  'bad-fields.csv': [
    '2 / n_answers / Line 2 (data row 1), column "n_answers": "many" is not allowed; n_answers must be a whole number from 1 to 1000 (how many people answer the task).',
    '2 / priority_0 / Line 2 (data row 1), column "priority_0": "0,5" is not allowed; priority_0 must be a number from 0 to 1, written with a point (0.5).',
    '2 / calibration / Line 2 (data row 1), column "calibration": "maybe" is not allowed; calibration must be 0 or 1, or true or false.',
    '2 / quorum / Line 2 (data row 1), column "quorum": "-1" is not allowed; quorum must be a whole number from 0 to 1000.',
    '2 / state / Line 2 (data row 1), column "state": a column of this name is taken for PyBossa’s task state and left out, but "Bavaria" is none.',
    '3 / n_answers / Line 3 (data row 2), column "n_answers": "0" is not allowed; n_answers must be a whole number from 1 to 1000 (how many people answer the task).',
    '3 / priority_0 / Line 3 (data row 2), column "priority_0": "2" is not allowed; priority_0 must be a number from 0 to 1, written with a point (0.5).',
  ],
}

for (const [name, problems] of Object.entries(REFUSED)) {
  test(`${name} is refused with the place and what to do`, async () => {
    const inspection = await csvImporter.inspect(fileSource(name), {})
    assert.deepEqual(problemsOf(inspection), problems)
    for (const { advice } of inspection.problems) assert.match(advice, /^[A-Z].*\.$/)
    await assert.rejects(readAll(csvImporter, fileSource(name)), (error) => {
      assert.ok(error instanceof ImportError)
      assert.equal(error.kind, 'invalid')
      assert.deepEqual(error.problems, inspection.problems.slice(0, 1))
      return true
    })
  })
}

test('the preview shows the first ten rows, all columns, long cells cut', async () => {
  const long = `${'x'.repeat(499)}🌳${'y'.repeat(100)}`
  const rows = Array.from({ length: 12 }, (_, index) => `${index},ongoing,${long}`)
  const inspection = await csvImporter.inspect(textSource(['n,state,text', ...rows].join('\n')), {})
  assert.equal(inspection.total, 12)
  assert.equal(inspection.rows.length, 10)
  assert.deepEqual(inspection.rows[9], { row: 11, cells: ['9', 'ongoing', `${'x'.repeat(499)}…`] })
})

test('at most 50 problems are collected, and then reading ends', async () => {
  const inspection = await csvImporter.inspect(textSource(`a,b\n${'1\n'.repeat(80)}`), {})
  assert.equal(inspection.problems.length, 50)
  assert.equal(inspection.isIncomplete, true)
})

test('reading closes the source when a problem ends it early', async () => {
  let isClosed = false
  const source = async function* () {
    try {
      for (;;) yield await Promise.resolve(Buffer.from('a,a\n'.repeat(100)))
    } finally {
      isClosed = true
    }
  }
  await csvImporter.inspect(sourceOf(source), {})
  assert.ok(isClosed)
})

test('a row beyond a million characters is refused, and a forgotten quote is named as its likely cause', async () => {
  const long = 'x'.repeat(999_990)
  const fits = await csvImporter.inspect(bytesSource(Buffer.from(`a,b\n1,${long}\n2,3\n`), 65_536), {})
  assert.deepEqual([fits.total, fits.problems], [2, []])

  const over = bytesSource(Buffer.from(`a,b\n1,${long}${long}\n2,3\n`), 65_536)
  const [problem] = (await csvImporter.inspect(over, {})).problems
  assert.equal(problem?.message, 'Line 2: the row that begins here has more than 1,000,000 characters.')
  assert.match(problem.advice, /^Shorten it/)

  const quote = bytesSource(Buffer.from(`a,b\n1,2\n3,"${'4\n5,6\n'.repeat(400_000)}`), 65_536)
  const inspection = await csvImporter.inspect(quote, {})
  assert.equal(inspection.problems[0]?.row, 3)
  assert.match(inspection.problems[0].advice, /quote .* is not closed/)
  assert.equal(inspection.isIncomplete, true)
})

test('a header of more than 1000 columns is refused', async () => {
  const names = Array.from({ length: 1001 }, (_, index) => `c${index}`).join(',')
  const inspection = await csvImporter.inspect(textSource(`${names}\n`), {})
  assert.deepEqual(problemsOf(inspection), [
    '1 / - / Line 1: the header has 1001 columns; at most 1000 can be imported.',
  ])
})

test('a workbook is recognised and refused with what to do instead', async () => {
  const [problem] = (await csvImporter.inspect(bytesSource(Buffer.from('PK\x03\x04rest')), {})).problems
  assert.match(problem?.message ?? '', /spreadsheet workbook or an archive/)
  assert.match(problem?.advice ?? '', /CSV UTF-8/)
})

test('an encoding fault late in a large file names line and column', async () => {
  const rows = Buffer.from('Robin,Is it singing?\n'.repeat(10_000))
  const bytes = Buffer.concat([
    Buffer.from('bird,question\n'),
    rows,
    Buffer.from('Wren,Is it \xe9?\n', 'latin1'),
  ])
  const inspection = await csvImporter.inspect(bytesSource(bytes, 65_536), {})
  assert.equal(inspection.total, 10_000)
  assert.deepEqual(problemsOf(inspection), [
    '10002 / question / Line 10002, character 12 (byte 210025): this is not valid UTF-8 text.',
  ])
})

test('the columns are known without reading on behind the header', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from(`n,state\n${'1,\n'.repeat(60_000)}`))
    throw new Error('read on')
  }
  assert.deepEqual(await csvImporter.columns(sourceOf(endless), {}), [
    { name: 'n', becomes: 'data', key: 'n' },
    { name: 'state', becomes: 'ignore' },
  ])
})
