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
  const [header = [], ...lines] = parse(csv, { skipEmptyLines: false }) as string[][]
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
