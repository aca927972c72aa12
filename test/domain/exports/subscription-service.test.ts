import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { jobs } from '../../../jobs/index.ts'
import { markRunning } from '../../../src/domain/exports/export-repository.ts'
import { DELTA_DAYS, openExport, reopenExport } from '../../../src/domain/exports/export-service.ts'
import {
  askForDueExports,
  listProjectSubscriptions,
  subscribe,
  unsubscribe,
} from '../../../src/domain/exports/subscription-service.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { newOwner, newProject, startJobApp, untilJobsEnd, work } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'
import { readZip } from '../../support/zip.ts'

const job = await startJobApp(untilFileEnds())
work(job)
const owner = await newOwner(job)
const daily = {
  what: 'task',
  format: 'csv',
  period: 'daily',
  isDelta: false,
  byMail: false,
  toBucket: false,
} as const

/** Lets the time of all subscriptions come; the members of the newest export. */
async function nextExport(project: Parameters<typeof openExport>[3]): Promise<Map<string, string>> {
  await job.sql(`update export_subscription set next_due = now() - interval '1 minute'`)
  await askForDueExports(job.app, job.db)
  await untilJobsEnd(job)
  await waitForReplica()
  const [newest] = await job.sql('select id from project_export where project_id = $1 order by id desc', [
    project.id,
  ])
  const file = await openExport(job.app, job.db(), owner, project, Number(newest?.['id']))
  return readZip(await buffer(file.content))
}

test('the job that asks for exports runs every hour', () => {
  assert.equal(jobs['run-subscriptions'].schedule, '4 * * * *')
})

test('a subscription to what is new brings all first, then what changed and what is gone', async () => {
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }, { n: 3 }], 'news')
  await subscribe(job.db(), owner, project, { ...daily, isDelta: true, byMail: true, toBucket: false })
  const first = await nextExport(project)
  assert.match(first.get('news_task.csv') ?? '', /,1,.*\n.*,2,.*\n.*,3,/)
  assert.equal(first.has('news_task_deleted.csv'), false)

  const [one, two] = await job.sql('select id from task where project_id = $1 order by id', [project.id])
  await job.sql(`update task set info = '{"n": 10}' where id = $1`, [one?.['id']])
  await job.sql('delete from task where id = $1', [two?.['id']])
  await job.sql(`insert into task (project_id, info) values ($1, '{"n": 4}')`, [project.id])
  const second = await nextExport(project)
  const rows = (second.get('news_task.csv') ?? '').trim().split('\n')
  assert.equal(rows.length, 3)
  assert.match(rows[1] ?? '', /,10,/)
  assert.match(rows[2] ?? '', /,4,/)
  assert.equal(second.get('news_task_deleted.csv'), `id\n${String(two?.['id'])}\n`)
  assert.match(second.get('README.txt') ?? '', /Only what is new or changed since the export before/)

  const third = await nextExport(project)
  assert.deepEqual([third.get('news_task.csv'), third.get('news_task_deleted.csv')], ['', 'id\n'])
  // What was forgotten meanwhile would be missing: all is given again.
  await job.sql(`update export_subscription set last_taken = now() - interval '31 days'`)
  assert.equal((await nextExport(project)).has('news_task_deleted.csv'), false)
  const mails = await job.sql('select subject from mail')
  assert.equal(mails.filter(({ subject }) => String(subject).includes('news')).length, 4)
  await job.sql('delete from export_subscription')
})

test('JSON lines tell what is gone as well, and no mail comes where none is wanted', async () => {
  const project = await newProject(job, owner, [{ n: 1 }], 'quiet')
  await subscribe(job.db(), owner, project, { ...daily, format: 'ndjson', period: 'hourly', isDelta: true })
  assert.equal((await nextExport(project)).get('quiet_task.ndjson')?.split('\n').length, 2)
  await job.sql('delete from task where project_id = $1', [project.id])
  const delta = await nextExport(project)
  assert.equal(delta.get('quiet_task.ndjson'), '')
  assert.match(delta.get('quiet_task_deleted.json') ?? '', /^\[\d+\]$/)
  assert.deepEqual(await job.sql(`select 1 from mail where subject like '%quiet%'`), [])
  await job.sql('delete from export_subscription')
})

test('one that is still being made is not asked for twice, and each comes once', async () => {
  const project = await newProject(job, owner, [{ n: 1 }], 'once')
  await subscribe(job.db(), owner, project, daily)
  await job.sql('update export_subscription set next_due = now()')
  await Promise.all([askForDueExports(job.app, job.db), askForDueExports(job.app, job.db)])
  assert.equal(await askForDueExports(job.app, job.db), 0)
  await untilJobsEnd(job)
  const made = await job.sql('select state from project_export where project_id = $1', [project.id])
  assert.deepEqual(made, [{ state: 'done' }])
  await job.sql('delete from export_subscription')
})

test('several of one table that are due together all come', async () => {
  const project = await newProject(job, owner, [{ n: 1 }], 'both')
  await subscribe(job.db(), owner, project, daily)
  await subscribe(job.db(), owner, project, { ...daily, isDelta: true })
  await subscribe(job.db(), owner, project, { ...daily, period: 'hourly' })
  await job.sql('update export_subscription set next_due = now()')
  await askForDueExports(job.app, job.db)
  await untilJobsEnd(job)
  const made = await job.sql(
    'select distinct subscription_id, state from project_export where project_id = $1',
    [project.id],
  )
  assert.deepEqual(
    made.map(({ state }) => state),
    ['done', 'done', 'done'],
  )
  await job.sql('delete from export_subscription')
})

test('one that failed is tried again beside others of its kind, and whole when what its delta needs may be forgotten', async () => {
  const project = await newProject(job, owner, [{ n: 1 }], 'again')
  await subscribe(job.db(), owner, project, { ...daily, isDelta: true })
  await nextExport(project)
  const [last] = await job.sql(
    'select subscription_id, cut::text as cut from project_export where project_id = $1',
    [project.id],
  )
  const fail = async () => {
    const [failed] = await job.sql(
      `insert into project_export (project_id, user_id, what, format, origin, subscription_id, since, state, finished)
       values ($1, $2, 'task', 'csv', 'subscription', $3, $4::pg_snapshot, 'failed', now()) returning id`,
      [project.id, owner.id, last?.['subscription_id'], last?.['cut']],
    )
    return Number(failed?.['id'])
  }
  const stateOf = async (id: number) => {
    const [row] = await job.sql(
      'select state, since is not null as "isDelta" from project_export where id = $1',
      [id],
    )
    return row
  }
  const begin = (id: number) => job.db().write((tx) => markRunning(tx, id, DELTA_DAYS))
  const other = await job.sql(
    `insert into project_export (project_id, user_id, what, format, origin, subscription_id)
     values ($1, $2, 'task', 'csv', 'subscription', 999999) returning id`,
    [project.id, owner.id],
  )
  const soon = await fail()
  await job.db().write((tx) => reopenExport(tx, soon))
  await begin(soon)
  assert.deepEqual(await stateOf(soon), { state: 'running', isDelta: true })
  // The same one is under way.
  const second = await fail()
  await assert.rejects(
    job.db().write((tx) => reopenExport(tx, second)),
    { kind: 'conflict' },
  )
  await job.sql(`update project_export set state = 'failed' where id = any($1)`, [[soon, other[0]?.['id']]])

  await job.sql(
    `update project_export set started = now() - interval '30 days' where project_id = $1 and state = 'done'`,
    [project.id],
  )
  const late = await fail()
  await job.db().write((tx) => reopenExport(tx, late))
  await begin(late)
  assert.deepEqual(await stateOf(late), { state: 'running', isDelta: false })
  await job.sql('delete from export_subscription')
})

test('owners alone subscribe, to so many, and end it; to subscribe again changes only the mail', async () => {
  const stranger = await newOwner(job)
  const project = await newProject(job, owner, [], 'mine')
  const foreign = await newProject(job, stranger, [], 'theirs')
  await assert.rejects(subscribe(job.db(), stranger, project, daily), { kind: 'forbidden' })
  await assert.rejects(subscribe(job.db(), undefined, project, daily), { kind: 'unauthenticated' })
  await assert.rejects(subscribe(job.db(), owner, project, { ...daily, what: 'wide', isDelta: true }), {
    kind: 'invalid',
  })
  await subscribe(job.db(), owner, project, daily)
  await subscribe(job.db(), owner, project, { ...daily, byMail: true, toBucket: false })
  await waitForReplica()
  const [listed, ...others] = await listProjectSubscriptions(job.db(), owner, project)
  assert.ok(listed?.byMail && others.length === 0)
  await assert.rejects(unsubscribe(job.db(), stranger, foreign, listed.id), { kind: 'not-found' })
  await assert.rejects(listProjectSubscriptions(job.db(), stranger, project), { kind: 'forbidden' })
  await unsubscribe(job.db(), owner, project, listed.id)
  assert.deepEqual(await job.sql('select 1 from export_subscription'), [])

  await job.sql(
    `insert into export_subscription (project_id, user_id, what, format, period, next_due)
     select $1, u.id, w, f, 'daily', now() from user_account u, unnest(array['task', 'task_run', 'result', 'wide', 'combined']) w,
            unnest(array['csv', 'json']) f`,
    [project.id],
  )
  await assert.rejects(subscribe(job.db(), owner, project, { ...daily, period: 'weekly' }), {
    kind: 'conflict',
  })
})
