import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestExport } from '../../../src/domain/exports/export-service.ts'
import { queueMail } from '../../../src/domain/mails/mail-service.ts'
import { getProjectById } from '../../../src/domain/projects/project-service.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually, work } from '../../support/jobs.ts'
import { SmtpRefusal, startSmtp } from '../../support/smtp.ts'

const ending = untilFileEnds()
let isRefusing = true
const smtp = await startSmtp(ending, ({ to }) => {
  if (isRefusing && to === 'ada@example.org') throw new SmtpRefusal(550, 'Nobody of that name <b>here</b>')
})
const site = await startTestApp(ending, { MAIL_URL: smtp.url, LOG_LEVEL: 'silent' })
const admin = await site.user()
work(site)

const failures = () =>
  rowsOf<{ id: number }>(
    site,
    'select id from outbox where failed is not null and dismissed is null order by id',
  )

async function failedMail(): Promise<number> {
  isRefusing = true
  const view = { projectName: 'P', reason: 'r', url: 'http://localhost/' }
  const mail = { to: 'ada@example.org', subject: 'Gone', template: 'export-failed', view }
  await site.app.database.open({ writes: true }).write((tx) => queueMail(site.app, tx, mail))
  return eventually(async () => (await failures()).at(-1)?.id)
}

test('an admin reads why a job failed, and lets it begin anew when that is mended', async () => {
  const id = await failedMail()
  const page = await admin.http.get('/admin/jobs').expect(200)
  assert.match(page.text, /send-mail/)
  assert.match(page.text, /Nobody of that name &lt;b&gt;here/)
  await admin.http.get('/account/profile').expect(200, /href="\/admin\/jobs"/)

  isRefusing = false
  await admin.http.post(`/admin/jobs/${id}/retry`).expect(302)
  await eventually(() => smtp.received.some(({ to }) => to === 'ada@example.org'))
  await eventually(
    async () => (await rowsOf(site, `select from outbox where id = ${id} and done is not null`)).length === 1,
  )
  assert.deepEqual(await rowsOf(site, 'select sent is not null as sent, error from mail'), [
    { sent: true, error: null },
  ])
  await admin.http.get('/admin/jobs').expect(200, /The job “send-mail” begins anew/)
  await admin.http.post(`/admin/jobs/${id}/retry`).expect(404)
})

test('a dismissed job is off the list and stays where it is', async () => {
  const id = await failedMail()
  await admin.http.post(`/admin/jobs/${id}/dismiss`).expect(302)
  assert.deepEqual(await failures(), [])
  await admin.http.get('/admin/jobs').expect(200, /No job has failed/)
  await admin.http.post(`/admin/jobs/${id}/retry`).expect(404)
})

/** The time that the button of a job's failures sends. */
async function shownUntil(job: string): Promise<string> {
  const { text } = await admin.http.get('/admin/jobs').expect(200)
  const form = new RegExp(
    `dismiss"><input type="hidden" name="job" value="${job}"><input [^>]+ value="([^"]+)"`,
  )
  return form.exec(text)?.[1] ?? ''
}

test('all failures of a job begin anew with one press, or are dismissed; other jobs stay', async () => {
  for (let n = 0; n < 3; n += 1) await failedMail()
  await eventually(async () => (await failures()).length === 3)
  await rowsOf(
    site,
    `insert into outbox (job, payload, attempts, failed, error)
     select 'export-project', '{"exportId": 999}', 3, now(), 'x' from generate_series(1, 250)`,
  )
  const page = await admin.http.get('/admin/jobs').expect(200, /The latest 200 of 253/)
  assert.match(page.text, /<strong>send-mail<\/strong> failed 3 times/)
  assert.match(page.text, /<strong>export-project<\/strong> failed 250 times/)

  isRefusing = false
  const before = smtp.received.length
  await admin.http.post('/admin/jobs/retry').type('form').send({ job: 'send-mail' }).expect(302)
  await admin.http.get('/admin/jobs').expect(200, /All failures of “send-mail” begin anew/)
  await eventually(async () => (await failures()).length === 250)
  await eventually(() => smtp.received.length === before + 3)

  await failedMail()
  await eventually(async () => (await failures()).length === 251)
  const until = await shownUntil('export-project')
  // Fails after the page was looked at: nobody has seen it.
  await rowsOf(
    site,
    `insert into outbox (job, payload, attempts, failed, error) values ('export-project', '{"exportId": 999}', 3, now(), 'x')`,
  )
  const dismiss = (job: string, time: string) =>
    admin.http.post('/admin/jobs/dismiss').type('form').send({ job, until: time })
  for (const time of ['', 'soon', '2026', 'Sat (x) 1 Jan 2026 +14:00', '2026-02-30T00:00:00Z'])
    await dismiss('export-project', time).expect(400)
  await dismiss('export-project', until).expect(302)
  await admin.http.get('/admin/jobs').expect(200, /250 failures of “export-project” are off the list/)
  assert.equal((await failures()).length, 2)
  for (const job of ['export-project', 'send-mail']) await dismiss(job, await shownUntil(job)).expect(302)
  assert.deepEqual(await failures(), [])
})

test('a failed export is made after all, unless its owner has asked for it again', async () => {
  const owner = await site.user()
  const { id: projectId } = await draftProject(site, owner)
  const db = () => site.app.database.open({ writes: true })
  const project = await getProjectById(db(), projectId)
  const ask = () => requestExport(site.app, db(), owner, project, { what: 'task', format: 'json' })
  const fail = (exportId: number) =>
    rowsOf<{ id: number }>(
      site,
      `with e as (update project_export set state = 'failed', error = 'x' where id = ${exportId}),
            r as (update outbox set done = null, failed = now(), error = 'x'
                   where job = 'export-project' and payload = '{"exportId": ${exportId}}' returning id)
       select id from r`,
    )
  const ended = (id: number) =>
    eventually(
      async () =>
        (await rowsOf(site, `select from project_export where id = ${id} and state = 'done'`)).length === 1,
    )

  const first = await ask()
  await ended(first.id)
  const [row] = await fail(first.id)
  await admin.http.post(`/admin/jobs/${row?.id ?? 0}/retry`).expect(302)
  await ended(first.id)

  await fail(first.id)
  // Made by hand, so that no job makes it meanwhile.
  const [again] = await rowsOf<{ id: number }>(
    site,
    `insert into project_export (project_id, user_id, what, format) select project_id, user_id, what, format
       from project_export where id = ${first.id} returning id`,
  )
  await admin.http.post(`/admin/jobs/${row?.id ?? 0}/retry`).expect(409, /Dismiss this one/)
  await rowsOf(site, `delete from project_export where id = ${again?.id ?? 0} returning id`)
  await admin.http.post(`/admin/jobs/${row?.id ?? 0}/dismiss`).expect(302)
})

test('nobody else sees or touches failed jobs', async () => {
  const id = await failedMail()
  const somebody = await site.user()
  await somebody.http.get('/admin/jobs').expect(403)
  await somebody.http.post(`/admin/jobs/${id}/retry`).expect(403)
  await somebody.http.post(`/admin/jobs/${id}/dismiss`).expect(403)
  await somebody.http.post('/admin/jobs/retry').type('form').send({ job: 'send-mail' }).expect(403)
  await somebody.http.post('/admin/jobs/dismiss').type('form').send({ job: 'send-mail' }).expect(403)
  await site.http.get('/admin/jobs').expect(302)
  assert.deepEqual(await failures(), [{ id }])
})
