import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import test from 'node:test'
import { parse } from 'csv-parse/sync'
import { jobs } from '../../jobs/index.ts'
import { runProgram } from '../../src/bin/local/run-program.ts'
import { newTask, submitTaskRun } from '../../src/domain/assignment/assignment-service.ts'
import type { ContributorKey } from '../../src/domain/contributors/contributor-service.ts'
import {
  countExportRows,
  getProjectExport,
  listProjectExports,
  openExport,
  requestExport,
} from '../../src/domain/exports/export-service.ts'
import type { ExportFormat, ExportTable } from '../../src/domain/exports/export-service.ts'
import { beginExport } from '../../src/domain/exports/export-work.ts'
import { listMailsFor } from '../../src/domain/mails/mail-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { deleteProject } from '../../src/domain/projects/project-service.ts'
import { listTasks, updateTask } from '../../src/domain/tasks/task-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { ForbiddenError, NotFoundError, UnauthenticatedError } from '../../src/lib/errors.ts'
import type { Json } from '../../src/platform/schema.ts'
import { newOwner, newProject, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'
import { readZip } from '../support/zip.ts'

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

/** What every export holds besides its rows. */
const ABOUT = ['README.txt', 'datapackage.json']

async function exportNow(
  job: JobApp,
  owner: User,
  project: Project,
  what: ExportTable,
  format: ExportFormat,
): Promise<Map<string, string>> {
  const wanted = await requestExport(job.app, job.db(), owner, project, { what, format })
  await untilJobsEnd(job)
  return download(job, owner, project, wanted.id)
}

async function download(
  job: JobApp,
  owner: User,
  project: Project,
  id: number,
): Promise<Map<string, string>> {
  await waitForReplica()
  const file = await openExport(job.app, job.db(), owner, project, id)
  const bytes = await buffer(file.content)
  assert.equal(bytes.length, file.bytes)
  const [stored] = await job.sql('select sha256 from project_export where id = $1', [id])
  assert.equal(createHash('sha256').update(bytes).digest('hex'), stored?.['sha256'])
  return readZip(bytes)
}

type Row = Record<string, string>

function csvRows(text: string | undefined): Row[] {
  return parse<Row>(text ?? '', { columns: true, bom: false })
}

/** What each of these people answers to each task of a project, in turn. */
async function answerAll(
  job: JobApp,
  project: Project,
  who: ContributorKey,
  infos: readonly Json[],
): Promise<void> {
  for (const info of infos) {
    const [task] = await newTask(job.app, job.db(), project, who, { limit: 1, offset: 0 })
    assert.ok(task)
    const run = { projectId: project.id, taskId: task.id, info }
    await submitTaskRun(job.app, job.db(), who, run, 'request-of-test')
  }
}

test('tasks come back from a CSV export as they were, whatever is in them', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
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

test('tasks come back from a JSON export value by value', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
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

test('task runs and results are exported with who gave them, withdrawn and superseded ones are not', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
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
  assert.deepEqual(await countExportRows(job.db(), project), {
    task: 2,
    task_run: 4,
    result: 2,
    combined: 4,
    wide: 2,
  })
})

test('task runs stand beside their tasks, or tasks beside their task runs, as a table and as JSON lines', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
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

test('every export says what it is: columns, question, rules, counts, cut and checksums', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ bird: 'wren' }], 'told')
  await job.sql(`update project set info = info || '{"licence": "CC0-1.0"}' where id = $1`, [project.id])
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
    /^Licence: CC0-1\.0$/m,
    /^1 tasks, as they were at 2\d{3}-/m,
    /^The cut, as PostgreSQL writes it: \d+:\d+:/m,
    /^n_answers: How many task runs the task wants\.$/m,
    /^Version \d+, from .*: image-classification .*"question":"Which bird is it\?"/m,
    /^Version \d+, from .*: code of the project/m,
    /tasks\.redundancy: \{"nAnswers":3\}$/m,
  ])
    assert.match(readme, said)

  const { count, licenses, resources } = JSON.parse(members.get('datapackage.json') ?? '') as {
    count: number
    licenses: unknown
    resources: { path: string; bytes: number; hash: string; schema: { fields: Record<string, string>[] } }[]
  }
  assert.deepEqual([count, licenses], [1, [{ title: 'CC0-1.0' }]])
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

test('a table may have more columns than a statement of the database', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
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

test('an export without rows holds empty files', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [], 'empty')

  const csv = await exportNow(job, owner, project, 'result', 'csv')
  assert.deepEqual([csv.get('empty_result.csv'), csv.get('empty_result_info_only.csv')], ['', ''])
  const json = await exportNow(job, owner, project, 'result', 'json')
  assert.equal(json.get('empty_result.json'), '[]')
  const lines = await exportNow(job, owner, project, 'result', 'ndjson')
  assert.equal(lines.get('empty_result.ndjson'), '')
})

test('an export is listed with its size and name, and announced to who asked by one mail', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ a: 1 }, { a: 2 }], 'told')
  const { id, state, nRows } = await requestExport(job.app, job.db(), owner, project, {
    what: 'task',
    format: 'csv',
  })
  assert.deepEqual({ state, nRows }, { state: 'waiting', nRows: null })
  await untilJobsEnd(job)
  await waitForReplica()

  const [listed, ...others] = await listProjectExports(job.db(), owner, project)
  assert.equal(others.length, 0)
  assert.equal(listed?.id, id)
  assert.equal(listed.state, 'done')
  assert.equal(listed.fileName, `${project.id}_told_task_csv.zip`)
  assert.deepEqual([listed.nRows, listed.nRowsDone], [2, 2])
  const days = (Date.parse(listed.expires ?? '') - Date.parse(listed.finished ?? '')) / 86_400_000
  assert.equal(days, 7)

  const mails = await listMailsFor(job.db(), owner)
  assert.deepEqual(
    mails.map(({ subject }) => subject),
    ['Your export of Project told is ready'],
  )
  const body = mails[0]?.textBody ?? ''
  assert.match(body, /^2 rows of Project told are in \d+_told_task_csv\.zip \(\d+ (bytes|kB)\)\.$/m)
  assert.match(body, /http:\/\/localhost:3000\/project\/told\/tasks\/export/)
})

test('asking again while an export waits for its turn gives the same one, to each person their own', async (t) => {
  const job = await startJobApp(t)
  const [owner, other] = [await newOwner(job), await newOwner(job)]
  const project = await newProject(job, owner, [{ a: 1 }])
  await job.sql('insert into project_owner (project_id, user_id) values ($1, $2)', [project.id, other.id])
  const ask = (who: User, format: ExportFormat) =>
    requestExport(
      job.app,
      job.db(),
      who,
      { ...project, ownerIds: [owner.id, other.id] },
      { what: 'task', format },
    )

  const same = await Promise.all([ask(owner, 'csv'), ask(owner, 'csv'), ask(owner, 'csv')])
  assert.equal(new Set(same.map(({ id }) => id)).size, 1)
  assert.notEqual((await ask(owner, 'json')).id, same[0].id)
  assert.notEqual((await ask(other, 'csv')).id, same[0].id)
  assert.equal((await job.sql('select 1 from outbox')).length, 3)

  // What changed since it began would be missing: neither the old one nor silence is an answer.
  await waitForReplica()
  const begun = await beginExport(
    job.app,
    { openDb: job.db, commit: (write) => job.db().write(write), signal: new AbortController().signal },
    same[0].id,
    () => ({ wantsColumns: false, passes: 1 }),
  )
  assert.ok(begun)
  await assert.rejects(ask(owner, 'csv'), {
    kind: 'conflict',
    message: /being made already, without what has changed since it began/,
  })
  assert.equal((await job.sql('select 1 from outbox')).length, 3)

  work(job)
  await untilJobsEnd(job)
  assert.notEqual((await ask(owner, 'csv')).id, same[0].id)
})

test('only owners ask for, see and download exports, and only of their own project', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const [admin, owner, stranger] = [await newOwner(job), await newOwner(job), await newOwner(job)]
  const project = await newProject(job, owner, [{ a: 1 }])
  const foreign = await newProject(job, stranger, [{ a: 1 }])
  const wanted = { what: 'task', format: 'csv' } as const
  await assert.rejects(requestExport(job.app, job.db(), stranger, project, wanted), ForbiddenError)
  await assert.rejects(requestExport(job.app, job.db(), undefined, project, wanted), UnauthenticatedError)

  const { id } = await requestExport(job.app, job.db(), owner, project, wanted)
  await assert.rejects(openExport(job.app, job.db(), owner, project, id), NotFoundError, 'not ready yet')
  await untilJobsEnd(job)
  await waitForReplica()
  await assert.rejects(openExport(job.app, job.db(), stranger, project, id), ForbiddenError)
  await assert.rejects(openExport(job.app, job.db(), stranger, foreign, id), NotFoundError)
  await assert.rejects(listProjectExports(job.db(), stranger, project), ForbiddenError)
  assert.equal((await getProjectExport(job.db(), admin, project, id)).state, 'done')
  assert.equal((await download(job, admin, project, id)).size, 2 + ABOUT.length)

  await job.sql('update project_export set expires = now()')
  await waitForReplica()
  await assert.rejects(openExport(job.app, job.db(), owner, project, id), NotFoundError, 'its time is over')
})

test('rows that arrive while an export is made are not in it, nor in its repetition', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }], 'cut')
  const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'json' })
  let attempts = 0
  const exportProject: (typeof jobs)['export-project'] = {
    ...jobs['export-project'],
    backoffSeconds: 0.01,
    async handle(app, payload, run) {
      attempts += 1
      if (attempts > 1) return jobs['export-project'].handle(app, payload, run)
      const commit: typeof run.commit = async () => {
        await job.sql(`insert into task (project_id, info) values ($1, '{"n": 3}')`, [project.id])
        throw new Error('the worker broke down')
      }
      return jobs['export-project'].handle(app, payload, { ...run, commit })
    },
  }
  work(job, { ...jobs, 'export-project': exportProject })
  await untilJobsEnd(job)

  assert.equal(attempts, 2)
  const rows = JSON.parse((await download(job, owner, project, id)).get('cut_task.json') ?? '') as {
    info: Json
  }[]
  assert.deepEqual(
    rows.map(({ info }) => info),
    [{ n: 1 }, { n: 2 }],
  )
})

test('an export that cannot be made says why, on its page and by mail, and leaves nothing behind', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const many = Object.fromEntries(Array.from({ length: 17_000 }, (_, index) => [`key ${index}`, index]))
  const project = await newProject(job, owner, [many], 'wide')
  const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
  work(job)
  await untilJobsEnd(job)
  await waitForReplica()

  const { state, error } = await getProjectExport(job.db(), owner, project, id)
  assert.equal(state, 'failed')
  assert.match(error ?? '', /more than 16384 different keys.*as JSON instead/)
  const [mail] = await listMailsFor(job.db(), owner)
  assert.equal(mail?.subject, 'Your export of Project wide failed')
  assert.match(mail.textBody, /as JSON instead/)
  await assert.rejects(readdir(job.app.config.folders.files), { code: 'ENOENT' })
})

test(
  'a disk that is full is told as the reason, and nothing half-written stays',
  { skip: !(await mayMount()) },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'mh-full-'))
    await runProgram('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder])
    t.after(async () => {
      await runProgram('umount', [folder])
      rmdirSync(folder)
    })
    const job = await startJobApp(t, { FILES_DIR: folder })
    const owner = await newOwner(job)
    const project = await newProject(job, owner, [], 'full')
    await job.sql(
      `insert into task (project_id, info) select $1, jsonb_build_object('text', md5(n::text) || md5((n + 0.5)::text))
       from generate_series(1, 15000) n`,
      [project.id],
    )
    const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
    work(job, { ...jobs, 'export-project': { ...jobs['export-project'], backoffSeconds: 0.01 } })
    await untilJobsEnd(job)
    await waitForReplica()

    const { state, error } = await getProjectExport(job.db(), owner, project, id)
    assert.deepEqual([state, error], ['failed', 'There is no room left for its file on our side.'])
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    assert.deepEqual(
      entries.filter((entry) => entry.isFile()),
      [],
    )
  },
)

/** Only root may, and not in every container. */
async function mayMount(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'mh-mount-'))
  try {
    await runProgram('mount', ['-t', 'tmpfs', 'tmpfs', folder])
    await runProgram('umount', [folder])
    return true
  } catch {
    return false
  } finally {
    rmdirSync(folder)
  }
}

test('an unforeseen failure is tried again, then told without its details', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ a: 1 }])
  const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
  // A file stands where the folder of all exports would be made.
  await mkdir(job.app.config.folders.files, { recursive: true })
  await writeFile(join(job.app.config.folders.files, 'exports'), '')
  const exportProject = { ...jobs['export-project'], backoffSeconds: 0.01 }
  work(job, { ...jobs, 'export-project': exportProject })
  await untilJobsEnd(job)
  await waitForReplica()

  const { state, error } = await getProjectExport(job.db(), owner, project, id)
  assert.equal(state, 'failed')
  assert.match(error ?? '', /trying again may help/)
  assert.doesNotMatch(error ?? '', /ENOTDIR|files/)
  const [row] = await job.sql(`select attempts, error from outbox where job = 'export-project'`)
  assert.equal(row?.['attempts'], 3)
  assert.match(String(row['error']), /ENOTDIR/)
})

test('an export whose project was deleted meanwhile ends without a mail', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ a: 1 }])
  await requestExport(job.app, job.db(), owner, project, { what: 'task', format: 'csv' })
  await deleteProject(job.db(), owner, project)
  work(job)
  await untilJobsEnd(job)

  assert.deepEqual(await job.sql('select state from project_export'), [{ state: 'failed' }])
  assert.deepEqual(await job.sql('select 1 from mail'), [])
})

test('rows with large contents are read in small steps and are all there', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
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
