import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import supertest from 'supertest'
import { startTestApp } from '../../support/app.ts'
import type { TestApp, TestUser } from '../../support/app.ts'
import { rowsOf } from '../../support/builders.ts'
import { eventually, work } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'

const N_TASKS = 200
const REDUNDANCY = 3

interface Wire {
  id: number
}

/** A published project with a ready template, made through the pages and the API. */
async function publishedProject(
  owner: TestUser,
  untilTasksAreThere: () => Promise<void>,
): Promise<{ id: number; secret: string }> {
  const form = {
    name: 'Crowded',
    shortName: 'crowded',
    description: 'Fifty people at once',
    longDescription: '',
  }
  await owner.http.post('/project/new').type('form').send(form).expect(302)
  const listed = await owner.http.get(`/api/project?short_name=crowded&api_key=${owner.apiKey}`).expect(200)
  const [project] = listed.body as { id: number; secret_key: string }[]
  assert.ok(project)
  const rows = Array.from({ length: N_TASKS }, (_, index) => `/media/demo/hubble-001.jpg,${index}`)
  const pasted = await owner.http
    .post('/project/crowded/tasks/import')
    .field('text', `picture,n\n${rows.join('\n')}\n`)
    .expect(302)
  await owner.http
    .post(String(pasted.headers['location']))
    .type('form')
    .send({ redundancy: String(REDUNDANCY) })
    .expect(302)
  await untilTasksAreThere()
  const question = {
    template: 'image-classification',
    question: 'What?',
    choices: 'A\nB',
    pictureColumn: 'picture',
  }
  await owner.http.post('/project/crowded/tasks/taskpresentereditor').type('form').send(question).expect(302)
  await owner.http.post('/project/crowded/publish').expect(302)
  return { id: project.id, secret: project.secret_key }
}

/** Answers until nothing is left, two tasks ahead as the browser does. */
async function answerEverything(
  http: ReturnType<typeof supertest.agent>,
  projectId: number,
  who: { query: string; headers: Record<string, string>; body: object },
): Promise<number> {
  let given = 0
  for (;;) {
    const reply = await http.get(`/api/project/${projectId}/newtask${who.query}`).set(who.headers).expect(200)
    const { id } = reply.body as Partial<Wire>
    if (id === undefined) return given
    await http
      .get(`/api/project/${projectId}/newtask${who.query ? `${who.query}&` : '?'}offset=1`)
      .set(who.headers)
    await http
      .post(`/api/taskrun${who.query}`)
      .set(who.headers)
      .send({ project_id: projectId, task_id: id, info: { answer: 'A' }, ...who.body })
      .expect(200)
    given += 1
  }
}

async function external(site: TestApp, projectId: number, token: string, uid: string): Promise<number> {
  const headers = { Authorization: `Bearer ${token}` }
  return answerEverything(supertest.agent(site.url), projectId, {
    query: `?external_uid=${uid}`,
    headers,
    body: { external_uid: uid },
  })
}

async function device(site: TestApp, projectId: number): Promise<number> {
  const http = supertest.agent(site.url)
  await http.get('/project/crowded/newtask').expect(200)
  return answerEverything(http, projectId, { query: '', headers: {}, body: {} })
}

test('fifty contributors at once leave exactly the wanted task runs on every task', async (t) => {
  const site = await startTestApp(t)
  const owner = await site.user()
  const { id, secret } = await publishedProject(owner, async () => {
    const worker = work(site)
    await eventually(
      async () => (await rowsOf(site, `select 1 from task_import where state = 'done'`)).length > 0,
    )
    await worker.stop()
    await waitForReplica()
  })
  const token = await site.http
    .get('/api/auth/project/crowded/token')
    .set('Authorization', secret)
    .expect(200)

  const given = await Promise.all([
    ...Array.from({ length: 20 }, (_, index) => external(site, id, token.text, `visitor-${index}`)),
    ...Array.from({ length: 30 }, () => device(site, id)),
  ])
  assert.equal(
    given.reduce((sum, count) => sum + count, 0),
    N_TASKS * REDUNDANCY,
  )

  const db = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] })
  await db.connect()
  try {
    const { rows: perTask } = await db.query<{ n: number; tasks: number }>(
      `select n, count(*)::int as tasks from (
         select task_id, count(*)::int as n from task_run where counted group by task_id) x group by n`,
    )
    assert.deepEqual(perTask, [{ n: REDUNDANCY, tasks: N_TASKS }])
    const { rows } = await db.query<Record<string, number>>(
      `select (select count(*)::int from task_run where not counted) as extra,
              (select count(*)::int from task where state = 'completed') as completed,
              (select count(*)::int from result) as results,
              (select count(*)::int from outbox where job = 'note-task-completed') as events,
              (select count(*)::int from lease where holds_place) as leases,
              (select count(*)::int from task_sched where n_runs <> n_answers or n_taken <> n_runs) as wrong`,
    )
    assert.deepEqual(rows, [
      { extra: 0, completed: N_TASKS, results: N_TASKS, events: N_TASKS, leases: 0, wrong: 0 },
    ])
  } finally {
    await db.end()
  }
})
