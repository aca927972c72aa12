import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announceBlogpost } from '../../jobs/announce-blogpost.ts'
import { inviteBackJob } from '../../jobs/invite-back.ts'
import { reportWeekJob } from '../../jobs/report-week.ts'
import { tellFailuresJob } from '../../jobs/tell-failures.ts'
import { tellQuietProjectsJob } from '../../jobs/tell-quiet-projects.ts'
import { choose } from '../../src/domain/mails/choice-service.ts'
import type { NoticeKind } from '../../src/domain/mails/mail-kinds.ts'
import { weekBefore } from '../../src/domain/notices/notice-service.ts'
import { foldTotals } from '../../src/domain/totals/total-service.ts'
import type { JobRun } from '../../src/platform/job.ts'
import { retryFailure } from '../../src/domain/failures/failure-service.ts'
import { startTestApp } from '../support/app.ts'
import type { TestUser } from '../support/app.ts'
import { addOwner, keyContributor, publishedProject, rowsOf } from '../support/builders.ts'
import type { BuiltProject } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { waitForReplica } from '../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const db = () => site.app.database.open({ writes: true })
const run: JobRun = {
  openDb: db,
  commit: (effect) => db().write(effect),
  log: site.app.log,
  mustHold: () => Promise.resolve(),
  signal: new AbortController().signal,
}

interface SentMail {
  recipient: string
  subject: string
  text: string
  html: string
}

const mailsTo = (user: TestUser) =>
  rowsOf<SentMail>(
    site,
    `select recipient, subject, text_body as text, html_body as html from mail where recipient = $1 order by id`,
    [user.email],
  )

async function want(user: TestUser, kind: NoticeKind, wanted: boolean): Promise<void> {
  await choose(db(), { userId: user.id, kind }, wanted)
}

async function answer(project: BuiltProject, user: TestUser, taskId: number | undefined): Promise<void> {
  const contributor = keyContributor(site, project, user)
  await contributor.newTask().expect(200)
  await contributor.submit(taskId ?? 0).expect(200)
}

test('a week is from Monday to Monday', () => {
  const week = { since: '2026-11-09T00:00:00.000Z', until: '2026-11-16T00:00:00.000Z' }
  for (const now of ['2026-11-16T00:00:00Z', '2026-11-18T12:00:00Z', '2026-11-22T23:59:59Z'])
    assert.deepEqual(weekBefore(new Date(now)), week)
})

test('owners hear each Monday what came in, once, unless they do not want to or nothing did', async () => {
  const [owner, second, helper, unwilling] = [
    await site.user(),
    await site.user(),
    await site.user(),
    await site.user(),
  ]
  const busy = await publishedProject(site, owner, { tasks: 3, redundancy: 1 })
  await publishedProject(site, owner)
  const other = await publishedProject(site, unwilling)
  await addOwner(site, busy, second)
  await want(unwilling, 'weekly-report', false)
  const [first, next] = busy.taskIds
  await answer(busy, helper, first)
  await answer(busy, helper, next)
  await answer(other, helper, other.taskIds[0])
  await foldTotals(db())
  const lastWeek = weekBefore(new Date()).since
  await rowsOf(site, 'update task_run set finish_time = $1 where task_id <> $2', [lastWeek, next])

  await reportWeekJob.handle(site.app, {}, run)
  await reportWeekJob.handle(site.app, {}, run)
  for (const person of [owner, second]) {
    const [mail, ...more] = await mailsTo(person)
    assert.equal(mail?.subject, 'Your projects last week: 1 answer')
    assert.match(mail.text, /: 1 new answer, 2 of 3 tasks done\nhttp/)
    assert.match(mail.html, /Unsubscribe/)
    assert.deepEqual(more, [])
  }
  assert.deepEqual(await mailsTo(unwilling), [])
  assert.deepEqual(await mailsTo(helper), [])
  const jobs = await rowsOf<{ job: string }>(site, 'select distinct job from outbox where payload ? $1', [
    'mailId',
  ])
  assert.deepEqual(jobs, [{ job: 'send-bulk-mail' }])
})

test('owners of a project that has become quiet hear so once for each spell', async () => {
  const owner = await site.user()
  const quiet = await publishedProject(site, owner, { tasks: 2 })
  const done = await publishedProject(site, owner)
  await publishedProject(site, owner)
  const helper = await site.user()
  await answer(quiet, helper, quiet.taskIds[0])
  await answer(done, helper, done.taskIds[0])
  await foldTotals(db())
  const backdate = (days: number) =>
    rowsOf(
      site,
      `update project_total set last_activity = now() - make_interval(days => $1) where project_id = any($2)`,
      [days, [quiet.id, done.id]],
    )
  const subjects = async () => (await mailsTo(owner)).map(({ subject }) => subject)

  await backdate(89)
  await tellQuietProjectsJob.handle(site.app, {}, run)
  assert.deepEqual(await subjects(), [])
  await backdate(91)
  await tellQuietProjectsJob.handle(site.app, {}, run)
  await tellQuietProjectsJob.handle(site.app, {}, run)
  const told = `Built ${quiet.shortName} has become quiet`
  assert.deepEqual(await subjects(), [told])
  const [mail] = await mailsTo(owner)
  assert.match(mail?.text ?? '', /has had no answers since \d{4}-\d\d-\d\d, and 1 task is still to be done/)
  await backdate(95)
  await tellQuietProjectsJob.handle(site.app, {}, run)
  assert.deepEqual(await subjects(), [told, told])
})

test('a blog post is told to contributors who asked for it when it is published, and only then', async () => {
  const [owner, reader, silent, stranger] = [
    await site.user(),
    await site.user(),
    await site.user(),
    await site.user(),
  ]
  const project = await publishedProject(site, owner, { tasks: 1, redundancy: 3 })
  const [taskId] = project.taskIds
  for (const person of [owner, reader, silent]) await answer(project, person, taskId)
  for (const person of [owner, reader, stranger]) await want(person, 'blogpost', true)

  const post = async (body: object) => {
    const made = await owner.http
      .post('/api/blogpost')
      .query({ api_key: owner.apiKey })
      .send(body)
      .expect(200)
    return (made.body as { id: number }).id
  }
  const put = (id: number, body: object) =>
    owner.http.put(`/api/blogpost/${id}`).query({ api_key: owner.apiKey }).send(body).expect(200)
  const announced = async () =>
    (
      await rowsOf<{ payload: { blogpostId: number } }>(
        site,
        `select payload from outbox where job = 'announce-blogpost'`,
      )
    ).map(({ payload }) => payload.blogpostId)

  const body =
    'Many **thanks**.\n\n<script>alert(1)</script><img src="http://x/y.png">\n\n[Read](https://example.org)'
  const id = await post({ project_id: project.id, title: 'Half & done', body })
  assert.deepEqual(await announced(), [])
  await put(id, { title: 'Half <done>', published: true })
  await put(id, { published: true, title: 'Half & done' })
  assert.deepEqual(await announced(), [id])
  const second = await post({ project_id: project.id, title: 'B', body: 'b', published: true })
  assert.deepEqual(await announced(), [id, second])

  await announceBlogpost.handle(site.app, { blogpostId: id }, run)
  await announceBlogpost.handle(site.app, { blogpostId: id }, run)
  for (const person of [owner, silent, stranger])
    assert.deepEqual(
      (await mailsTo(person)).map(({ subject }) => subject),
      [],
    )
  const [mail, ...more] = await mailsTo(reader)
  assert.deepEqual(more, [])
  assert.equal(mail?.subject, `Built ${project.shortName}: Half & done`)
  assert.match(mail.html, /<p style="margin:0 0 16px">Many <strong>thanks<\/strong>\.<\/p>/)
  assert.match(mail.html, /<a href="https:\/\/example\.org" style="color:#0b5f63">Read<\/a>/)
  assert.doesNotMatch(mail.html, /<script|<img/)
  assert.match(mail.text, /Many \*\*thanks\*\*\./)
  assert.doesNotMatch(mail.text, /<script|alert/)

  await put(id, { published: false })
  await rowsOf(site, 'delete from mail')
  await announceBlogpost.handle(site.app, { blogpostId: id }, run)
  assert.deepEqual(await mailsTo(reader), [])
})

test('who asked for a word is invited once a quarter: when they have not answered for months, or never', async () => {
  const owner = await site.user()
  const names = ['away', 'new', 'fresh', 'busy', 'gone', 'silent'] as const
  const people = new Map<string, TestUser>()
  for (const name of names) people.set(name, await site.user())
  const of = (name: (typeof names)[number]) => people.get(name) ?? owner
  for (const name of names) if (name !== 'silent') await want(of(name), 'invitation', true)
  const project = await publishedProject(site, owner, { tasks: 2, redundancy: 9 })
  for (const name of ['away', 'busy', 'gone'] as const) await answer(project, of(name), project.taskIds[0])
  const age = (table: string, column: string, months: number, name: (typeof names)[number]) =>
    rowsOf(
      site,
      `update ${table} set ${column} = now() - make_interval(months => $1)
        where ${table === 'task_run' ? 'contributor_id = (select id from contributor where user_id = $2)' : 'id = $2'}`,
      [months, of(name).id],
    )
  for (const name of names) if (name !== 'fresh') await age('user_account', 'created', 4, name)
  await age('task_run', 'finish_time', 4, 'away')
  await age('task_run', 'finish_time', 1, 'busy')
  await age('task_run', 'finish_time', 13, 'gone')
  await waitForReplica()

  await inviteBackJob.handle(site.app, {}, run)
  await inviteBackJob.handle(site.app, {}, run)
  for (const name of ['fresh', 'busy', 'gone', 'silent'] as const)
    assert.deepEqual(await mailsTo(of(name)), [], name)
  const [missed, ...more] = await mailsTo(of('away'))
  assert.deepEqual([missed?.subject, more], ['We miss you on Manyhands', []])
  assert.match(
    missed?.text ?? '',
    new RegExp(`Built ${project.shortName}: .*\\n.*/project/${project.shortName}/`),
  )
  assert.match(missed?.text ?? '', /Unsubscribe: http/)
  const [first] = await mailsTo(of('new'))
  assert.equal(first?.subject, 'Your first task on Manyhands')
  assert.equal(inviteBackJob.schedule, '17 8 1 1,4,7,10 *')

  // Nobody is called for nothing.
  await rowsOf(site, 'delete from mail')
  await rowsOf(site, 'update task_sched set open = false')
  await waitForReplica()
  await inviteBackJob.handle(site.app, {}, run)
  assert.deepEqual(await mailsTo(of('away')), [])
  await rowsOf(site, 'update task_sched set open = true where project_id = $1', [project.id])
})

test('admins hear of failed jobs in one mail an hour, again after a week, and not of mails or of what owners are told', async () => {
  const [admin, other] = [await site.user(), await site.user()]
  await rowsOf(site, 'update user_account set is_admin = (id = any($1))', [[admin.id, other.id]])
  await want(other, 'site', false)
  const fail = (job: string, error: string) =>
    rowsOf<{ id: number }>(
      site,
      `insert into outbox (job, payload, failed, error) values ($1, '{}', now(), $2) returning id`,
      [job, error],
    )
  const tell = () => tellFailuresJob.handle(site.app, {}, run)
  const [own] = await fail('rebuild-exports', 'No room <left>')
  await fail('rebuild-exports', 'No disk')
  await fail('auto-import', 'Nobody there')
  for (const untold of ['send-mail', 'deliver-webhook', 'deliver-export']) await fail(untold, 'Refused')
  await tell()
  await tell()
  const [mail, ...more] = await mailsTo(admin)
  assert.deepEqual([mail?.subject, more], ['Manyhands: 3 jobs failed', []])
  assert.match(mail?.text ?? '', /auto-import: once\nNobody there\n\nrebuild-exports: 2 times\nNo disk/)
  assert.match(mail?.text ?? '', /\/admin\/jobs/)
  assert.deepEqual(await mailsTo(other), [])

  // What begins anew and fails again is told again; the rest is after a week.
  const viewer = { ...admin, isAdmin: true }
  await retryFailure(site.app, db(), viewer, own?.id ?? 0)
  await rowsOf(site, 'update outbox set failed = now(), error = $2 where id = $1', [own?.id, 'Again <b>'])
  await tell()
  const [, again] = await mailsTo(admin)
  assert.equal(again?.subject, 'Manyhands: 1 job failed')
  assert.match(again.html, /Again &lt;b&gt;/)
  await rowsOf(site, `update outbox set told = now() - interval '8 days' where told is not null`)
  await rowsOf(site, `update outbox set dismissed = now() where job = 'auto-import'`)
  await tell()
  assert.deepEqual(
    (await mailsTo(admin)).map(({ subject }) => subject),
    ['Manyhands: 3 jobs failed', 'Manyhands: 1 job failed', 'Manyhands: 2 jobs failed'],
  )
})
