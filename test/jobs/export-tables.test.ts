import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import type { ContributorKey } from '../../src/domain/contributors/contributor-service.ts'
import { exportRowsOf } from '../../src/domain/exports/export-service.ts'
import { getTotals } from '../../src/domain/projects/project-service.ts'
import { listTasks, updateTask } from '../../src/domain/tasks/task-service.ts'
import { foldTotals } from '../../src/domain/totals/total-service.ts'
import type { Json } from '../../src/platform/schema.ts'
import { newOwner, newProject, startJobApp, work } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'
import { ABOUT, answerAll, csvRows, exportNow } from '../support/exports.ts'

const job = await startJobApp({ after })
work(job)
const owner = await newOwner(job)

/** Contents that break tables which are written without care. */
const UGLY: Json[] = [
  { text: 'commas, "quotes"\nline\r\nbreaks\tand tabs', n: 1, big: 9_007_199_254_740_991, small: 1e-7 },
  {
    text: '=HYPERLINK("http://evil")',
    n: -2.5,
    plain: '-5',
    phone: '+49 30 1',
    at: '@x',
    tab: '\tx',
    cr: '\rx',
  },
  { text: '007', n: 3, empty: '', nothing: null, yes: true, no: false, like: 'True' },
  { 'key, with "comma"': 'a', '=1+1': 'b', nested: { a: { b: [1, { c: 'd' }] }, none: {}, list: [] } },
  { text: 'Zoë 🐦 ‮rtl \u2028 \u2029 end', __proto__x: 1, constructor: 'c', n_2: 'x', n: { 2: 'y' } },
  ['list', { of: 'things' }, { of: 'more', and: [true] }],
  'only a text',
  42,
  null,
  {},
]

test('tasks come back from a CSV export as they were, whatever is in them', async () => {
  const project = await newProject(job, owner, UGLY, 'ugly')
  await job.sql('update task set fav_user_ids = $1 where id = (select min(id) from task)', [[1, 2]])
  const members = await exportNow(job, owner, project, 'task', 'csv')

  assert.deepEqual([...members.keys()], ['ugly_task.csv', 'ugly_task_info_only.csv', ...ABOUT])
  const rows = csvRows(members.get('ugly_task.csv'))
  assert.equal(rows.length, UGLY.length)
  assert.deepEqual(Object.keys(rows[0] ?? {}).slice(0, 7), [
    'id',
    'created',
    'project_id',
    'state',
    'quorum',
    'calibration',
    'priority_0',
  ])
  assert.equal(Object.keys(rows[0] ?? {}).at(-1), 'fav_user_ids')
  const filled = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).filter(([name, text]) => /^(info|state|n_answers|fav)/.test(name) && text !== ''),
    ),
  )
  const every = { state: 'ongoing', n_answers: '2' }
  assert.deepEqual(filled, [
    {
      ...every,
      info_n: '1',
      info_big: '9007199254740991',
      info_text: 'commas, "quotes"\nline\r\nbreaks\tand tabs',
      info_small: '0.0000001',
      fav_user_ids: '[1, 2]',
    },
    {
      ...every,
      info_n: '-2.5',
      info_at: "'@x",
      info_cr: "'\rx",
      info_tab: "'\tx",
      info_text: '\'=HYPERLINK("http://evil")',
      info_phone: "'+49 30 1",
      info_plain: '-5',
    },
    { ...every, info_n: '3', info_no: 'False', info_yes: 'True', info_like: 'True', info_text: '007' },
    {
      ...every,
      'info_=1+1': 'b',
      info_nested_a_b_0: '1',
      info_nested_a_b_1_c: 'd',
      'info_key, with "comma"': 'a',
    },
    {
      ...every,
      info_n_2: 'y',
      'info_n_2.1': 'x',
      info_text: 'Zoë 🐦 ‮rtl \u2028 \u2029 end',
      info___proto__x: '1',
      info_constructor: 'c',
    },
    { ...every, info_0: 'list', info_1_of: 'things', info_2_of: 'more', info_2_and_0: 'True' },
    { ...every, info: 'only a text' },
    { ...every, info: '42' },
    every,
    every,
  ])
  // A column that is empty everywhere is still a column.
  assert.deepEqual([rows[2]?.['info_empty'], rows[2]?.['info_nothing']], ['', ''])

  const infoRows = csvRows(members.get('ugly_task_info_only.csv'))
  const ids = rows.map(({ id }) => id)
  assert.deepEqual(
    infoRows.map(({ task_id: id }) => id),
    [ids[0], ids[1], ids[2], ids[3], ids[4], ids[5], ids[5], ids[9]],
  )
  assert.equal(infoRows[3]?.["'=1+1"], 'b')
  assert.equal(infoRows[6]?.['and_0'], 'True')
})

test('tasks come back from a JSON export value by value', async () => {
  const project = await newProject(job, owner, UGLY, 'Übergrößen')
  await job.asMigrator(
    `update task set created = '2026-01-02 03:04:05.18261+00' where project_id = ${project.id}`,
  )
  const members = await exportNow(job, owner, project, 'task', 'json')

  assert.deepEqual([...members.keys()], ['Ubergrossen_task.json', ...ABOUT])
  const rows = JSON.parse(members.get('Ubergrossen_task.json') ?? '') as Record<string, unknown>[]
  assert.deepEqual(
    rows.map(({ info }) => info),
    UGLY,
  )
  assert.deepEqual(Object.keys(rows[0] ?? {}), [
    'id',
    'created',
    'project_id',
    'state',
    'quorum',
    'calibration',
    'priority_0',
    'info',
    'n_answers',
    'fav_user_ids',
  ])
  assert.equal(rows[0]?.['created'], '2026-01-02T03:04:05.182610')
})

test('task runs and results are exported with who gave them, withdrawn and superseded ones are not', async () => {
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }], 'birds')
  const visitors: ContributorKey[] = [
    { kind: 'user', userId: owner.id },
    { kind: 'device', deviceId: randomUUID() },
    { kind: 'external', projectId: project.id, externalUid: 'their-17' },
  ]
  for (const [index, who] of visitors.slice(0, 2).entries()) {
    await answerAll(job, project, who, [{ bird: `first ${index}` }, { bird: `second ${index}` }])
  }
  await waitForReplica()
  const [first] = await listTasks(job.db(), project, { filter: 'all', lastId: 0, limit: 1 })
  assert.ok(first)
  await updateTask(job.db(), owner, project, first, { nAnswers: 3 })
  await answerAll(job, project, visitors[2] ?? { kind: 'user', userId: 0 }, [{ bird: 'third' }])
  await job.sql(`update task_run set withdrawn = now() where info->>'bird' = 'second 1'`)
  const fields = ['id', 'created', 'project_id', 'task_id']

  const runMembers = await exportNow(job, owner, project, 'task_run', 'csv')
  assert.deepEqual([...runMembers.keys()], ['birds_task_run.csv', 'birds_task_run_info_only.csv', ...ABOUT])
  const runs = csvRows(runMembers.get('birds_task_run.csv'))
  assert.deepEqual(Object.keys(runs[0] ?? {}), [
    ...fields,
    ...[
      'user_id',
      'user_ip',
      'finish_time',
      'timeout',
      'calibration',
      'external_uid',
      'media_url',
      'info_bird',
      'presenter_version',
    ],
  ])
  const [made] = await job.sql('select made_up_ip as ip from contributor where kind = $1', ['device'])
  assert.deepEqual(
    runs.map((run) => [run['user_id'], run['user_ip'], run['external_uid'], run['info_bird']]),
    [
      [String(owner.id), '', '', 'first 0'],
      [String(owner.id), '', '', 'second 0'],
      ['', made?.['ip'], '', 'first 1'],
      ['', '', 'their-17', 'third'],
    ],
  )
  assert.deepEqual(
    csvRows(runMembers.get('birds_task_run_info_only.csv')),
    runs.map((run) => ({ bird: run['info_bird'], task_run_id: run['id'] })),
  )

  const results = csvRows((await exportNow(job, owner, project, 'result', 'csv')).get('birds_result.csv'))
  const kept = await job.sql('select id, task_run_ids from result where last_version order by id')
  assert.deepEqual(
    results.map((result) => [result['id'], result['last_version'], result['task_run_ids']]),
    kept.map((row) => [String(row['id']), 'True', `[${(row['task_run_ids'] as number[]).join(', ')}]`]),
  )
  assert.deepEqual(
    kept.map(({ id, task_run_ids: ids }) => [id, (ids as number[]).length]),
    [
      [2, 2],
      [3, 3],
    ],
  )
  assert.deepEqual(Object.keys(results[0] ?? {}), [...fields, 'last_version', 'info', 'task_run_ids'])
  // The totals do not know of the one that was withdrawn by this test.
  await foldTotals(job.db())
  await waitForReplica()
  assert.deepEqual(exportRowsOf({ totals: await getTotals(job.db(), project.id) }), {
    task: 2,
    task_run: 5,
    result: 2,
    combined: 5,
    wide: 2,
  })
})

test('task runs stand beside their tasks, or tasks beside their task runs, as a table and as JSON lines', async () => {
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }], 'both')
  const visitor: ContributorKey = { kind: 'external', projectId: project.id, externalUid: '=theirs' }
  await answerAll(job, project, { kind: 'user', userId: owner.id }, [{ bird: 'wren' }])
  await answerAll(job, project, visitor, [{ bird: 'owl' }, { bird: 'tit', sure: true }])

  const combined = await exportNow(job, owner, project, 'combined', 'csv')
  assert.deepEqual([...combined.keys()], ['both_combined.csv', ...ABOUT])
  assert.deepEqual(
    csvRows(combined.get('both_combined.csv')).map((row) =>
      ['external_uid', 'info_bird', 'info_sure', 'task__state', 'task__info_n'].map((name) => row[name]),
    ),
    [
      ['', 'wren', '', 'completed', '1'],
      ["'=theirs", 'owl', '', 'completed', '1'],
      ["'=theirs", 'tit', 'True', 'ongoing', '2'],
    ],
  )
  const [first] = linesOf(await exportNow(job, owner, project, 'combined', 'ndjson'), 'both_combined.ndjson')
  assert.deepEqual([first?.['info'], first?.['task__info']], [{ bird: 'wren' }, { n: 1 }])

  const wide = csvRows((await exportNow(job, owner, project, 'wide', 'csv')).get('both_wide.csv'))
  const told = ['info_n', 'task_run_0_info_bird', 'task_run_1_info_bird', 'task_run_0_info_sure']
  assert.deepEqual(
    wide.map((row) => told.map((name) => row[name])),
    [
      ['1', 'wren', 'owl', ''],
      ['2', 'tit', '', 'True'],
    ],
  )
  const [task] = linesOf(await exportNow(job, owner, project, 'wide', 'ndjson'), 'both_wide.ndjson')
  const runs = task?.['task_run'] as Record<string, unknown>[]
  assert.deepEqual(
    runs.map(({ info }) => info),
    [{ bird: 'wren' }, { bird: 'owl' }],
  )
})

function linesOf(members: Map<string, string>, name: string): Record<string, unknown>[] {
  const lines = (members.get(name) ?? '').split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('every export says what it is: columns, question, rules, counts, cut and checksums', async () => {
  const project = await newProject(job, owner, [{ bird: 'wren' }], 'told')
  await job.sql(`update project set licence = 'CC0-1.0' where id = $1`, [project.id])
  const settings = { question: 'Which bird is it?', choices: ['Wren', 'Owl'] }
  await job.sql(
    `insert into presenter_version (project_id, kind, template, settings)
     values ($1, 'template', 'image-classification', $2)`,
    [project.id, settings],
  )
  await job.sql(
    `insert into presenter_version (project_id, kind, code) values ($1, 'code', 'pybossa.run()')`,
    [project.id],
  )
  await job.sql(
    `insert into change (project_id, caller, subject, subject_id, attribute, after)
     values ($1, 'web', 'project', $1, 'tasks.redundancy', '{"nAnswers": 3}')`,
    [project.id],
  )
  const members = await exportNow(job, owner, project, 'task', 'csv')
  const readme = members.get('README.txt') ?? ''
  for (const said of [
    /^Project told\n=+\nA project of a test\nhttp:\/\/localhost:3000\/project\/told\/$/m,
    /^Licence: CC0 1\.0: anybody may do anything with it \(CC0-1\.0\), https:/m,
    /^1 tasks, as they were at 2\d{3}-/m,
    /^The cut, as PostgreSQL writes it: \d+:\d+:/m,
    /^n_answers: How many task runs the task wants\.$/m,
    /^Version \d+, from .*: Image classification\n {2}Question: Which bird is it\?\n {2}Answer choices:\n {4}- Wren\n {4}- Owl\n/m,
    /^Version \d+, from .*: code of the project/m,
    /tasks\.redundancy: \{"nAnswers":3\}$/m,
  ])
    assert.match(readme, said)

  const { count, licenses, resources } = JSON.parse(members.get('datapackage.json') ?? '') as {
    count: number
    licenses: unknown
    resources: { path: string; bytes: number; hash: string; schema: { fields: Record<string, string>[] } }[]
  }
  assert.deepEqual(
    [count, licenses],
    [
      1,
      [
        {
          name: 'CC0-1.0',
          title: 'CC0 1.0: anybody may do anything with it',
          path: 'https://creativecommons.org/publicdomain/zero/1.0/',
        },
      ],
    ],
  )
  for (const { path, bytes, hash, schema } of resources) {
    const content = members.get(path) ?? ''
    assert.equal(bytes, Buffer.byteLength(content))
    assert.equal(hash, `sha256:${createHash('sha256').update(content).digest('hex')}`)
    const names = Object.keys(csvRows(content)[0] ?? {})
    assert.deepEqual(
      schema.fields.map(({ name }) => name),
      names,
    )
  }
  assert.equal(resources.length, 2)
  const field = resources[0]?.schema.fields.find(({ name }) => name === 'info_bird')
  assert.match(field?.['description'] ?? '', /^In info: What the task is about/)
})

test('a table may have more columns than a statement of the database', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 2_000 }, (_, index) => [`k${index}`, `=${index}, "x"`]),
  )
  const project = await newProject(job, owner, [many, { k7: 'seven', late: '=1' }], 'broad')
  const members = await exportNow(job, owner, project, 'task', 'csv')
  const [first, second] = csvRows(members.get('broad_task.csv'))
  assert.equal(first?.['info_k1999'], `'=1999, "x"`)
  assert.deepEqual([second?.['info_k7'], second?.['info_k8'], second?.['info_late']], ['seven', '', "'=1"])
  assert.equal(csvRows(members.get('broad_task_info_only.csv')).length, 2)
})

test('an export without rows holds empty files', async () => {
  const project = await newProject(job, owner, [], 'empty')

  const csv = await exportNow(job, owner, project, 'result', 'csv')
  assert.deepEqual([csv.get('empty_result.csv'), csv.get('empty_result_info_only.csv')], ['', ''])
  const json = await exportNow(job, owner, project, 'result', 'json')
  assert.equal(json.get('empty_result.json'), '[]')
  const lines = await exportNow(job, owner, project, 'result', 'ndjson')
  assert.equal(lines.get('empty_result.ndjson'), '')
})

test('rows with large contents are read in small steps and are all there', async () => {
  const project = await newProject(job, owner, [], 'large')
  await job.sql(
    `insert into task (project_id, info)
     select $1, jsonb_build_object('n', n, 'text', repeat(md5(n::text), case when n % 50 = 0 then 4000 else 10 end))
       from generate_series(1, 2500) n`,
    [project.id],
  )
  const members = await exportNow(job, owner, project, 'task', 'csv')
  const rows = csvRows(members.get('large_task.csv'))
  assert.deepEqual(
    rows.map((row) => Number(row['info_n'])),
    Array.from({ length: 2_500 }, (_, index) => index + 1),
  )
  assert.equal(rows[49]?.['info_text']?.length, 128_000)
})
