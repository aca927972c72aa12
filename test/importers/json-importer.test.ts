import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ImportError } from '../../src/importers/importer.ts'
import { jsonImporter } from '../../src/importers/json-importer.ts'
import { bytesSource, fileSource, problemsOf, readAll, textSource } from './sources.ts'

test('all of a flat row is the task’s data', async () => {
  assert.deepEqual(await readAll(jsonImporter, fileSource('flat.json')), [
    {
      info: {
        picture: 'https://example.org/1.jpg',
        state: 'Bavaria',
        size: { width: 3, height: 2.5 },
        tags: ['a', null, true],
      },
    },
    { info: { picture: 'https://example.org/2.jpg', n_answers: 3 } },
  ])
})

test('beside a wrapped info stand PyBossa’s task fields', async () => {
  assert.deepEqual(await readAll(jsonImporter, fileSource('wrapped.json')), [
    { info: { picture: 'a.jpg', id: 5 }, nAnswers: 3, priority: 0.5, calibration: true, quorum: 2 },
    { info: { picture: 'b.jpg' } },
    { info: { picture: 'c.jpg' }, calibration: false },
  ])
})

test('a known answer beside info is taken as it is', async () => {
  const rows = [{ answer: 'Yes' }, ['a', 1], 'Yes', null].map((known) => ({
    info: { n: 1 },
    expected_info: known,
  }))
  const tasks = await readAll(jsonImporter, textSource(JSON.stringify(rows)))
  assert.deepEqual(
    tasks.map(({ expectedInfo }) => expectedInfo),
    [{ answer: 'Yes' }, ['a', 1], 'Yes', null],
  )
})

test('a task that PyBossa exported becomes a new, open one', async () => {
  const inspection = await jsonImporter.inspect(fileSource('exported-tasks.json'), {})
  assert.deepEqual(
    inspection.columns.map(({ name, becomes }) => `${name} ${becomes}`),
    [
      'picture data',
      'id data',
      'n_answers n_answers',
      'quorum quorum',
      'calibration calibration',
      'created ignore',
      'state ignore',
      'project_id ignore',
      'id ignore',
      'priority_0 priority_0',
    ],
  )
  assert.deepEqual(inspection.rows[0]?.cells.slice(0, 3), ['a.jpg', '131', '30'])
  assert.deepEqual(await readAll(jsonImporter, fileSource('exported-tasks.json')), [
    { info: { picture: 'a.jpg', id: 131 }, nAnswers: 30, quorum: 0, calibration: false, priority: 0 },
  ])
})

test('a byte-order mark before the list is no part of it', async () => {
  assert.equal((await readAll(jsonImporter, fileSource('with-bom.json'))).length, 2)
})

test('a list may be one object per line', async () => {
  assert.deepEqual(await readAll(jsonImporter, fileSource('rows-by-line.jsonl')), [
    { info: { picture: 'a.jpg', note: 'one\ntwo' } },
    { info: { picture: 'b.jpg' } },
    { info: { picture: 'c.jpg' } },
  ])
})

test('the preview has a cell for each key of any row', async () => {
  const inspection = await jsonImporter.inspect(textSource('[{"a":"x","b":[1]},{"c":null,"a":2}]'), {})
  assert.deepEqual(inspection.columns, [
    { name: 'a', becomes: 'data', key: 'a' },
    { name: 'b', becomes: 'data', key: 'b' },
    { name: 'c', becomes: 'data', key: 'c' },
  ])
  assert.deepEqual(inspection.rows, [
    { row: 1, cells: ['x', '[1]', ''] },
    { row: 2, cells: ['2', '', 'null'] },
  ])
  assert.equal(inspection.total, 2)
})

const NOT_A_LIST = ['- / - / The file holds a JSON object, not a list of rows.']

const REFUSED: Record<string, string[]> = {
  'object-not-list.json': NOT_A_LIST,
  'object-on-one-line.jsonl': NOT_A_LIST,
  'empty-list.json': ['- / - / The list is empty, so there are no tasks.'],
  'empty.csv': ['- / - / The list is empty, so there are no tasks.'],
  'plain.csv': ['- / - / Line 1: no JSON list begins here.'],
  'list-not-closed.jsonl': [
    '- / - / Line 2: the list is never closed; perhaps a quote or bracket of the row that begins here is not, or the file was cut.',
  ],
  'big-integer.json': [
    '2 / - / Row 2 (index 1, line 1) holds a number too large to be kept exactly: 9007199254740993 (at "code").',
  ],
  'mixed-rows.json': [
    '3 / - / Row 3 (index 2, line 10) is a string and not an object.',
    '4 / - / Row 4 (index 3, line 11) is null and not an object.',
    '5 / - / Row 5 (index 4, line 12) is a list and not an object.',
    '6 / info / Row 6 (index 5, line 13) has an info that is a string and not an object.',
    '7 / - / Row 7 (index 6, line 16) holds no data.',
    '8 / - / Row 8 (index 7, line 19) holds no data.',
    '9 / - / Row 9 (index 8, line 20) is a number and not an object.',
    '10 / - / Row 10 (index 9, line 21) is true or false and not an object.',
    '11 / hint / Row 11 (index 10, line 22) has "hint" beside info, where it would be lost.',
  ],
}

for (const [name, problems] of Object.entries(REFUSED)) {
  test(`${name} is refused with the place and what to do`, async () => {
    const inspection = await jsonImporter.inspect(fileSource(name), {})
    assert.deepEqual(problemsOf(inspection), problems)
    for (const { advice } of inspection.problems) assert.match(advice, /^[A-Z].*\.$/)
    await assert.rejects(readAll(jsonImporter, fileSource(name)), ImportError)
  })
}

async function problems(text: string): Promise<string[]> {
  return problemsOf(await jsonImporter.inspect(textSource(text), {}))
}

test('a row that is not JSON does not hide the rows after it', async () => {
  const [first, ...others] = await problems('[{"a":1}},\n{"b":2},\n{c:3},\n{"d":4},]')
  assert.match(first ?? '', /^1 \/ - \/ Row 1 \(index 0, line 1\) is not valid JSON \(.*\)\.$/)
  assert.match(others[0] ?? '', /^3 \/ - \/ Row 3 \(index 2, line 3\) is not valid JSON/)
  assert.match(others[1] ?? '', /^5 \/ - \/ Row 5 \(index 4, line 4\) is not valid JSON/)
  assert.equal(others.length, 2)
})

test('text after the list is refused', async () => {
  assert.deepEqual(await problems('[{"a":1}]\n[{"b":2}]'), [
    '- / - / Line 2: more text follows the end of the list.',
  ])
})

test('a broken line among lines is refused by its position and line', async () => {
  const [problem, ...others] = await problems('{"a":1}\n\n{"b":\n{"c":3}\n')
  assert.match(problem ?? '', /^2 \/ - \/ Row 2 \(index 1, line 3\) is not valid JSON/)
  assert.deepEqual(others, [])
})

test('task fields must have values of their kind', async () => {
  assert.deepEqual(
    await problems(
      '[{"info":{"a":1},"n_answers":0},{"info":{"a":1},"quorum":[1]},{"info":{"a":1},"priority_0":"high"}]',
    ),
    [
      '1 / n_answers / Row 1 (index 0, line 1) has n_answers 0; it must be a whole number from 1 to 1000 (how many people answer the task).',
      '2 / quorum / Row 2 (index 1, line 1) has quorum [1]; it must be a whole number from 0 to 1000.',
      '3 / priority_0 / Row 3 (index 2, line 1) has priority_0 "high"; it must be a number from 0 to 1, written with a point (0.5).',
    ],
  )
})

test('what jsonb cannot hold is refused with the row', async () => {
  assert.deepEqual(await problems('[{"a":1},{"b":{"c":"x\\u0000"}}]'), [
    '2 / - / Row 2 (index 1, line 1) holds a NUL character (\\u0000), which cannot be stored (at "b.c").',
  ])
})

test('bytes that are no text are refused with line and character', async () => {
  const source = bytesSource(Buffer.from('[{"bird": "M\xf6nch"}]', 'latin1'))
  const inspection = await jsonImporter.inspect(source, {})
  assert.deepEqual(problemsOf(inspection), [
    '- / - / Line 1, character 13 (byte 12): this is not valid UTF-8 text.',
  ])
  assert.equal(inspection.isIncomplete, true)
})

test('a row beyond a million characters is refused', async () => {
  const long = JSON.stringify({ a: 'x'.repeat(1_000_000) })
  for (const text of [
    `[{"a":1},${long}]`,
    `{"a":1}\n${long}\n{"b":2}`,
    `[{"a":1},{"a":"${'x'.repeat(2_000_000)}`,
  ]) {
    const inspection = await jsonImporter.inspect(bytesSource(Buffer.from(text), 65_536), {})
    const [problem, ...others] = problemsOf(inspection)
    assert.match(
      problem ?? '',
      /^2 \/ - \/ Row 2 \(index 1, line [12]\) has more than 1,000,000 characters\.$/,
    )
    assert.deepEqual(others, [])
  }
})

test('more than 1000 different keys are refused', async () => {
  const rows = Array.from({ length: 1001 }, (_, index) => ({ [`key${index}`]: 1 }))
  const [problem] = await problems(JSON.stringify(rows))
  assert.match(
    problem ?? '',
    /^1001 \/ - \/ Row 1001 \(index 1000, line 1\) brings the list to more than 1000/,
  )
})

test('there are no settings', async () => {
  await assert.rejects(jsonImporter.inspect(fileSource('flat.json'), { delimiter: ',' }), {
    name: 'InvalidError',
  })
})
