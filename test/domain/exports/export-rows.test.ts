import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { scanCut } from '../../../src/domain/exports/cut-scan.ts'
import { exportRows } from '../../../src/domain/exports/export-rows.ts'
import type { ExportRows } from '../../../src/domain/exports/export-rows.ts'
import type { Json } from '../../../src/platform/schema.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { newOwner, newProject, startJobApp } from '../../support/jobs.ts'
import { filled, tableOf } from './flatten.ts'
import type { Table } from './flatten.ts'

const job = await startJobApp(untilFileEnds())
const { id: projectId } = await newProject(job, await newOwner(job))

/** What an export of these infos, as results, would write; and the results' ids. */
async function rowsWith(infos: readonly (Json | undefined)[]): Promise<{ rows: ExportRows; ids: number[] }> {
  await job.sql('delete from result where project_id = $1', [projectId])
  const made = await job.sql(
    `insert into result (project_id, task_id, task_run_ids, info, created)
     select $1, n, '{}', i, '2026-01-02T03:04:05Z' from unnest($2::text[]::jsonb[]) with ordinality as x (i, n)
      order by n returning id`,
    [projectId, infos.map((info) => (info === undefined ? null : JSON.stringify(info)))],
  )
  const [moment] = await job.sql('select pg_current_snapshot()::text as cut')
  const cut = { projectId, cut: String(moment?.['cut']), since: null }
  const { readPrimary: read } = job.db()
  const told = () => Promise.resolve()
  const scan = await scanCut(read, cut, 'result', { wantsColumns: true, told })
  const { signal } = new AbortController()
  const rows = exportRows({ read, cut, table: 'result', scan, signal, told })
  return { rows, ids: made.map(({ id }) => Number(id)) }
}

async function written(write: (take: (part: Buffer) => Promise<void>) => Promise<unknown>): Promise<string> {
  const parts: Buffer[] = []
  await write((part) => Promise.resolve(void parts.push(part)))
  return Buffer.concat(parts).toString()
}

function parsed(csv: string): Table {
  const [header = [], ...lines]: string[][] = parse(csv)
  assert.equal(new Set(header).size, header.length)
  return {
    header,
    rows: lines.map((cells) => filled(cells.map((text, index) => [header[index] ?? '', text]))),
  }
}

/** A number in a name is given when a row first needs it: it may stand elsewhere. */
function inOrder(header: readonly string[]): { plain: string[]; all: Set<string> } {
  return { plain: header.filter((name) => !/\.\d+$/.test(name)), all: new Set(header) }
}

function assertSame(actual: Table, expected: Table): void {
  assert.deepEqual(actual.rows, expected.rows)
  assert.deepEqual(inOrder(actual.header), inOrder(expected.header))
}

/** Keys that JavaScript and jsonb put into the same order: it decides which of two that share a name comes first. */
const key = fc.constantFrom('0', '1', 'a', 'b', 'a_0', 'a_b', 'b_a', 'k, "x"', '=1+1', 'Zoë', "it's", 'b\\s')
const odd = [
  '=1+1',
  '-5',
  '+49 30',
  '@x',
  '\tx',
  'true',
  'a,b',
  '"',
  'x\ny',
  '\r',
  '\\.',
  '\\N',
  '-1e5',
  '',
  "'",
]
const scalar = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(...odd),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
)
const { value: info } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))

/** As jsonb has it: keys by length, then by their bytes. NUL and lone surrogates are refused at the door. */
function stored(value: Json): Json {
  if (Array.isArray(value)) return value.map(stored)
  if (typeof value === 'string') return value.replaceAll('\0', '').toWellFormed()
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.keys(value).sort((a, b) => {
    const [one, other] = [Buffer.from(a), Buffer.from(b)]
    return one.length - other.length || Buffer.compare(one, other)
  })
  return Object.fromEntries(keys.map((name) => [name, stored(value[name] ?? null)]))
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

test('tables made by SQL are those of the rules, whatever the rows hold', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(info.map(stored), { minLength: 1, maxLength: 6 }), async (infos) => {
      const { rows, ids } = await rowsWith(infos)
      const whole = parsed(await written(rows.writeWholeRows))
      const records = infos.map((one, index) => ({
        id: ids[index],
        created: '2026-01-02T03:04:05.000000',
        project_id: projectId,
        task_id: index + 1,
        last_version: true,
        info: one,
      }))
      const expected = tableOf(records)
      assertSame(whole, { ...expected, header: [...expected.header, 'task_run_ids'] })

      const objects = infos.flatMap((one, index) =>
        (Array.isArray(one) ? one : [one])
          .filter(isObject)
          .map((object) => ({ ...object, result_id: ids[index] })),
      )
      assertSame(parsed(await written(rows.writeInfoRows)), tableOf(objects))
    }),
    {
      numRuns: 80,
      examples: [[[{ '': 0 }, false]], [[{ a: [] }, { a: { '-1': 1, '01': 2 } }, { a: ['x', 'y'] }]]],
    },
  )
})

test('a statement that is ended in the middle is run again, and the bytes are the same', async () => {
  const infos = Array.from({ length: 800 }, (_, n) => ({ n, text: String(n).repeat(2_000) }))
  const { rows } = await rowsWith(infos)
  const undisturbed = await written((take) => rows.writeJson(take, 'lines'))
  let ended = 0
  const parts: Buffer[] = []
  await rows.writeJson(async (part) => {
    parts.push(part)
    if (parts.length > 2) return
    const gone = await job.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^\\s*copy' and datname = current_database()`,
    )
    ended += gone.length
  }, 'lines')
  assert.ok(ended > 0)
  assert.equal(Buffer.concat(parts).toString() === undisturbed, true)
})

test('one that is ended again and again fails, and so does one whose bytes nobody takes', async () => {
  const { rows } = await rowsWith(
    Array.from({ length: 800 }, (_, n) => ({ n, text: String(n).repeat(2_000) })),
  )
  const endIt = () =>
    job.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^\\s*copy' and datname = current_database()`,
    )
  await assert.rejects(
    rows.writeJson(async () => {
      await endIt()
    }, 'lines'),
  )
  const full = new Error('the disk is full')
  await assert.rejects(
    rows.writeJson(() => Promise.reject(full), 'lines'),
    full,
  )
})

test('what the rules of the first pass say holds for more places than it asks about, and for rows that went', async () => {
  const infos = Array.from({ length: 700 }, (_, n) => ({ [`k${n}`]: n, all: [n] }))
  const { rows } = await rowsWith([...infos, { all: [1, 2] }])
  const table = parsed(await written(rows.writeWholeRows))
  assert.equal(table.header.filter((name) => name.startsWith('info_k')).length, 700)
  assert.equal(table.rows.at(-1)?.['info_all_1'], '2')
  await job.sql('delete from result where project_id = $1', [projectId])
  await job.sql('truncate row_version').catch(() => job.sql('delete from row_version'))
  await assert.rejects(written(rows.writeWholeRows), /The cut has 701 rows, but 0 were written/)
})

test('rows that come late show what the first ones did not, also where lists and objects share a place', async () => {
  const alike = Array.from({ length: 1_000 }, () => ({ a: [1] }))
  const keys = { a: { '2': 'x', '99999999999': 'y' } }
  const { rows } = await rowsWith([keys, ...alike, { a: [1, 2, 3] }, { a: [1], late: true }])
  const { header, rows: table } = parsed(await written(rows.writeWholeRows))
  assert.deepEqual(
    header.filter((name) => name.startsWith('info')),
    ['info_a_2', 'info_a_99999999999', 'info_a_0', 'info_a_1', 'info_late'],
  )
  assert.deepEqual([table.at(-2)?.['info_a_2'], table.at(-2)?.['info_a_1']], ['3', '2'])
  assert.deepEqual([table.at(-1)?.['info_a_0'], table.at(-1)?.['info_late']], ['1', 'True'])
})
