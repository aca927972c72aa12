import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announceBlogpost } from '../../jobs/announce-blogpost.ts'
import { reportWeekJob } from '../../jobs/report-week.ts'
import { tellQuietProjectsJob } from '../../jobs/tell-quiet-projects.ts'
import { choose } from '../../src/domain/mails/choice-service.ts'
import type { NoticeKind } from '../../src/domain/mails/mail-kinds.ts'
import { weekBefore } from '../../src/domain/notices/notice-service.ts'
import { foldTotals } from '../../src/domain/totals/total-service.ts'
import type { JobRun } from '../../src/platform/job.ts'
import { startTestApp } from '../support/app.ts'
import type { TestUser } from '../support/app.ts'
import { addOwner, keyContributor, publishedProject, rowsOf } from '../support/builders.ts'
import type { BuiltProject } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'

const site = await startTestApp(untilFileEnds())
const db = () => site.app.database.open({ writes: true })
const run: JobRun = {
  openDb: db,
  commit: (effect) => db().write(effect),
  log: site.app.log,
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
