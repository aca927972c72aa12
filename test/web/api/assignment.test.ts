import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import supertest from 'supertest'
import type { Response } from 'supertest'
import { getTotals } from '../../../src/domain/projects/project-service.ts'
import { sweepLeases } from '../../../src/domain/assignment/assignment-service.ts'
import { foldTotals } from '../../../src/domain/totals/total-service.ts'
import { startTestApp } from '../../support/app.ts'
import {
  addressContributor,
  draftProject,
  externalContributor,
  keyContributor,
  publishedProject,
  rowsOf,
} from '../../support/builders.ts'
import type { BuiltProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const someone = await site.user()

function taskId(response: Response): number | undefined {
  return (response.body as { id?: number }).id
}

/** The first task of a fresh project that nobody asked for before. */
function firstTask({ taskIds: [first] }: BuiltProject): number {
  assert.ok(first !== undefined)
  return first
}

function assertRefused(response: Response, message: string): void {
  assert.deepEqual(response.body, {
    action: 'POST',
    status: 'failed',
    status_code: 403,
    target: 'taskrun',
    exception_cls: 'Forbidden',
    exception_msg: message,
  })
}

async function schedule(id: number): Promise<Record<string, unknown> | undefined> {
  const [row] = await rowsOf<Record<string, unknown>>(
    site,
    `select s.n_runs, s.n_taken, s.n_extra, s.open, t.state from task_sched s join task t on t.id = s.task_id
      where s.task_id = $1`,
    [id],
  )
  return row
}

async function expireLeases(project: BuiltProject): Promise<void> {
  await rowsOf(site, `update lease set expires = now() - interval '1 minute' where project_id = $1`, [
    project.id,
  ])
  await sweepLeases(site.app.database.open({ writes: true }))
}

test('the same request gives the same task again, and offset 1 the one after', async () => {
  const project = await publishedProject(site, owner, { tasks: 3 })
  const who = await externalContributor(site, project)
  const first = await who.newTask().expect(200)
  const second = await who.newTask({ offset: 1 }).expect(200)
  assert.deepEqual([taskId(first), taskId(second)], project.taskIds.slice(0, 2))
  assert.deepEqual((await who.newTask({ offset: 0 })).body, first.body)
  assert.deepEqual((await who.newTask({ offset: 1 })).body, second.body)

  await who.submit(firstTask(project)).expect(200)
  assert.equal(taskId(await who.newTask()), taskId(second))
})

test('newtask gives PyBossa task objects: one, or a list when more were asked for and found', async () => {
  const project = await publishedProject(site, owner, { tasks: 2, redundancy: 4 })
  const who = await externalContributor(site, project)
  const body = (await who.newTask().expect(200)).body as unknown
  const task = body as Record<string, unknown>
  assert.match(String(task['created']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/)
  assert.deepEqual(task, {
    id: firstTask(project),
    created: task['created'],
    project_id: project.id,
    state: 'ongoing',
    quorum: 0,
    calibration: 0,
    priority_0: 0,
    info: { n: 1 },
    n_answers: 4,
    fav_user_ids: null,
  })
  const both = await who.newTask({ limit: 5 }).expect(200)
  assert.deepEqual(
    (both.body as { id: number }[]).map(({ id }) => id),
    project.taskIds,
  )
  assert.deepEqual((await who.newTask({ limit: 0 })).body, {})
})

test('a list is full although most of the tasks before were answered already', async () => {
  const project = await publishedProject(site, owner, { tasks: 203, redundancy: 2 })
  const who = await externalContributor(site, project)
  await who.newTask().expect(200)
  await rowsOf(
    site,
    `insert into task_run (project_id, task_id, contributor_id, created, finish_time, counted)
     select project_id, unnest($2::bigint[]), contributor_id, now(), now(), false from lease where project_id = $1`,
    [project.id, project.taskIds.slice(0, 199)],
  )
  await rowsOf(site, 'delete from lease where project_id = $1', [project.id])
  await rowsOf(site, `update contributor_project set cur_task = 0 where project_id = $1`, [project.id])
  const three = await who.newTask({ limit: 3 }).expect(200)
  assert.deepEqual(
    (three.body as { id: number }[]).map(({ id }) => id),
    project.taskIds.slice(199, 202),
  )
})

test('with one open task a look ahead finds nothing, and everything answered is an empty object', async () => {
  const project = await publishedProject(site, owner)
  const who = await externalContributor(site, project)
  assert.equal(taskId(await who.newTask()), firstTask(project))
  assert.deepEqual((await who.newTask({ offset: 1 }).expect(200)).body, {})
  await who.submit(firstTask(project)).expect(200)
  assert.deepEqual((await who.newTask().expect(200)).body, {})
})

test('places are reserved: one place left is not handed to two', async () => {
  const project = await publishedProject(site, owner)
  const [one, other] = [await externalContributor(site, project), await externalContributor(site, project)]
  const replies = await Promise.all([one.newTask(), other.newTask()])
  assert.deepEqual(replies.map(taskId).filter(Boolean), [firstTask(project)])
})

test('a second answer of the same person is refused', async () => {
  const project = await publishedProject(site, owner, { redundancy: 2 })
  const who = await externalContributor(site, project)
  await who.newTask()
  await who.submit(firstTask(project)).expect(200)
  assertRefused(await who.submit(firstTask(project)).expect(403), 'You have already answered this task.')
  assert.equal((await schedule(firstTask(project)))?.['n_runs'], 1)
})

test('an answer to a task that was not requested is refused', async () => {
  const project = await publishedProject(site, owner, { tasks: 2 })
  const who = await externalContributor(site, project)
  assertRefused(await who.submit(firstTask(project)).expect(403), 'You must request a task first!')
  await who.newTask()
  assertRefused(await who.submit(project.taskIds[1] ?? 0).expect(403), 'You must request a task first!')
  const requested = await rowsOf(site, 'select 1 from task_run where project_id = $1', [project.id])
  assert.deepEqual(requested, [])
})

test('an answer to an unknown task, or to one of another project, is refused', async () => {
  const [project, elsewhere] = [await publishedProject(site, owner), await publishedProject(site, owner)]
  const who = await externalContributor(site, project)
  assertRefused(await who.submit(999_999).expect(403), 'Invalid task_id')
  assertRefused(await who.submit(firstTask(elsewhere)).expect(403), 'Invalid project_id')
})

test('an answer sent again under its idempotency key gets the first one, whatever happened since', async () => {
  const project = await publishedProject(site, owner, { redundancy: 2 })
  const who = await externalContributor(site, project)
  await who.newTask()
  const key = 'the-only-one'
  const first = await who.submit(firstTask(project), { key }).expect(200)
  const again = await who.submit(firstTask(project), { key }).expect(200)
  assert.deepEqual(again.body, first.body)
  await who.submit(firstTask(project), { key: 'another' }).expect(403)
  assert.equal((await schedule(firstTask(project)))?.['n_runs'], 1)
})

test('the same answer sent many times at once is stored once', async () => {
  const project = await publishedProject(site, owner, { redundancy: 2 })
  const who = await externalContributor(site, project)
  await who.newTask()
  const replies = await Promise.all(
    Array.from({ length: 8 }, () => who.submit(firstTask(project), { key: 'same' }).expect(200)),
  )
  assert.equal(new Set(replies.map(taskId)).size, 1)
  assert.deepEqual(await schedule(firstTask(project)), {
    n_runs: 1,
    n_taken: 1,
    n_extra: 0,
    open: true,
    state: 'ongoing',
  })
})

test('HEAD takes no lease', async () => {
  const project = await publishedProject(site, owner)
  await site.http.head(`/api/project/${project.id}/newtask`).expect(200)
  assert.deepEqual(await rowsOf(site, 'select 1 from lease where project_id = $1', [project.id]), [])
})

test('a skipped task goes to the next person and not to the same one again', async () => {
  const project = await publishedProject(site, owner, { tasks: 2 })
  const [one, other] = [await externalContributor(site, project), await externalContributor(site, project)]
  await one.newTask()
  await one.skip(firstTask(project)).expect(204)
  assert.equal(taskId(await one.newTask()), project.taskIds[1])
  assert.equal(taskId(await other.newTask()), firstTask(project))
  // Twice does no harm, and passing on what one never had is refused.
  await one.skip(firstTask(project)).expect(204)
  assert.equal((await schedule(firstTask(project)))?.['n_taken'], 1)
  await other.skip(project.taskIds[1] ?? 0).expect(403)
})

test('who skipped a task may still answer it while a place is free', async () => {
  const project = await publishedProject(site, owner)
  const who = await externalContributor(site, project)
  await who.newTask()
  await who.skip(firstTask(project)).expect(204)
  await who.submit(firstTask(project)).expect(200)
  assert.equal((await schedule(firstTask(project)))?.['state'], 'completed')
})

test('an answer after its lease ran out counts while a place is free', async () => {
  const project = await publishedProject(site, owner)
  const who = await externalContributor(site, project)
  await who.newTask()
  await expireLeases(project)
  assert.equal((await schedule(firstTask(project)))?.['n_taken'], 0)
  await who.submit(firstTask(project)).expect(200)
  assert.deepEqual(await schedule(firstTask(project)), {
    n_runs: 1,
    n_taken: 1,
    n_extra: 0,
    open: false,
    state: 'completed',
  })
})

test('an answer after its place went to somebody else is kept as extra', async () => {
  const project = await publishedProject(site, owner)
  const [late, next] = [await externalContributor(site, project), await externalContributor(site, project)]
  await late.newTask()
  await expireLeases(project)
  assert.equal(taskId(await next.newTask()), firstTask(project))
  await late.submit(firstTask(project), { info: 'late' }).expect(200)
  assert.equal((await schedule(firstTask(project)))?.['state'], 'ongoing')
  const body = (await next.submit(firstTask(project), { info: 'in time' }).expect(200)).body as unknown
  assert.deepEqual(await schedule(firstTask(project)), {
    n_runs: 1,
    n_taken: 1,
    n_extra: 1,
    open: false,
    state: 'completed',
  })
  const results = await rowsOf(site, 'select task_run_ids from result where project_id = $1', [project.id])
  assert.deepEqual(results, [{ task_run_ids: [(body as { id: number }).id] }])
})

test('a place given back goes to somebody who found nothing to do, as soon as a second later', async () => {
  const project = await publishedProject(site, owner)
  const [gone, waiting] = [await externalContributor(site, project), await externalContributor(site, project)]
  await gone.newTask()
  assert.deepEqual((await waiting.newTask()).body, {})
  await expireLeases(project)
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  assert.equal(taskId(await waiting.newTask()), firstTask(project))
})

test('a place given back goes to somebody who was past it and found nothing left, a second later', async () => {
  const project = await publishedProject(site, owner, { tasks: 2 })
  const [gone, waiting] = [await externalContributor(site, project), await externalContributor(site, project)]
  await gone.newTask()
  assert.equal(taskId(await waiting.newTask()), project.taskIds[1])
  await waiting.submit(project.taskIds[1] ?? 0).expect(200)
  assert.deepEqual((await waiting.newTask()).body, {})
  await expireLeases(project)
  await rowsOf(site, 'update contributor_project set empty_until = now() where project_id = $1', [project.id])
  assert.equal(taskId(await waiting.newTask()), firstTask(project))
})

test('a project without anonymous contributors says so in the task, and refuses their answers', async () => {
  const project = await publishedProject(site, owner, { allowAnonymousContributors: false })
  const body = (await addressContributor(site, project).newTask().expect(200)).body as unknown
  const task = body as Record<string, unknown>
  assert.equal(task['id'], null)
  assert.deepEqual(task['info'], { error: 'This project does not allow anonymous contributors' })
  const refused = await addressContributor(site, project).submit(firstTask(project)).expect(401)
  assert.equal((refused.body as Record<string, unknown>)['exception_cls'], 'Unauthorized')

  const member = keyContributor(site, project, someone)
  assert.equal(taskId(await member.newTask()), firstTask(project))
  await member.submit(firstTask(project)).expect(200)
})

test('a draft hands out no tasks except to its owner', async () => {
  const project = await draftProject(site, owner)
  const anonymous = await addressContributor(site, project).newTask().expect(401)
  assert.equal((anonymous.body as Record<string, unknown>)['exception_cls'], 'Unauthorized')
  const refused = await keyContributor(site, project, someone).newTask().expect(403)
  assert.equal((refused.body as Record<string, unknown>)['exception_cls'], 'Forbidden')
  assert.equal(taskId(await keyContributor(site, project, owner).newTask()), firstTask(project))
})

test('newtask refuses what is not a project or a number, in the words that clients know', async () => {
  const project = await publishedProject(site, owner)
  const cases = [
    [`/api/project/${project.shortName}/newtask`, 415, 'DataError'],
    [`/api/project/${project.id}/newtask?offset=one`, 415, 'ValueError'],
    [`/api/project/${project.id}/newtask?limit=1.5`, 415, 'ValueError'],
    ['/api/project/999999/newtask', 404, 'NotFound'],
  ] as const
  for (const [path, status, errorClass] of cases) {
    const body = (await site.http.get(path).expect(status)).body as unknown
    const { exception_cls: found, target, action } = body as Record<string, unknown>
    assert.deepEqual([found, target, action], [errorClass, 'project', 'GET'], path)
  }
})

test('own progress counts at once and for each person alone', async () => {
  const project = await publishedProject(site, owner, { tasks: 3, redundancy: 2 })
  const [one, other] = [await externalContributor(site, project), keyContributor(site, project, someone)]
  await one.newTask()
  await one.submit(firstTask(project)).expect(200)
  await waitForReplica()
  assert.deepEqual((await one.progress().expect(200)).body, { done: 1, total: 3 })
  assert.deepEqual((await other.progress().expect(200)).body, { done: 0, total: 3 })
  const byName = await site.http.get(`/api/project/${project.shortName}/userprogress`).expect(200)
  assert.deepEqual(byName.body, { done: 0, total: 3 })
})

test('a token is sold for the secret key alone', async () => {
  const project = await publishedProject(site, owner)
  const path = `/api/auth/project/${project.shortName}/token`
  const bought = await site.http.get(path).set('Authorization', project.secretKey).expect(200)
  assert.match(bought.text, /^[\w-]+\.[\w-]+\.[\w-]+$/)
  assert.match(String(bought.headers['content-type']), /^text\/html/)
  const claims: unknown = JSON.parse(Buffer.from(bought.text.split('.')[1] ?? '', 'base64url').toString())
  assert.deepEqual(claims, { short_name: project.shortName, project_id: project.id })

  const without = await site.http.get(path).expect(403)
  const wrong = await site.http.get(path).set('Authorization', 'wrong').expect(404)
  const unknown = await site.http.get('/api/auth/project/nowhere/token').set('Authorization', 'x').expect(404)
  for (const [reply, target] of [
    [without, path],
    [wrong, path],
    [unknown, '/api/auth/project/nowhere/token'],
  ] as const) {
    const { action, target: found } = reply.body as Record<string, unknown>
    assert.deepEqual([action, found], ['AUTH_JWT_PROJECT', target])
  }
})

test('an external person needs a valid token of this very project', async () => {
  const [project, elsewhere] = [await publishedProject(site, owner), await publishedProject(site, owner)]
  const { text: foreign } = await site.http
    .get(`/api/auth/project/${elsewhere.shortName}/token`)
    .set('Authorization', elsewhere.secretKey)
  const path = `/api/project/${project.id}/newtask?external_uid=u`
  const signature = 'Signature verification failed'
  const cases: [string | undefined, string, string][] = [
    [undefined, 'invalid_header', 'Missing Authorization header'],
    ['Token abc', 'invalid_header', 'Authorization header must start with Bearer'],
    ['Bearer', 'invalid_header', 'Token not found'],
    ['Bearer a b', 'invalid_header', 'Authorization header must be Bearer + token'],
    ['Bearer nonsense', 'Decode error', signature],
    [`Bearer ${foreign}`, 'Decode error', signature],
  ]
  for (const [header, code, description] of cases) {
    const headers = header === undefined ? {} : { Authorization: header }
    const asked = await site.http.get(path).set(headers).expect(401)
    assert.deepEqual(asked.body, { code, description }, header)
    const sent = await site.http
      .post('/api/taskrun?external_uid=u')
      .set(headers)
      .send({ project_id: project.id, task_id: firstTask(project), info: 1, external_uid: 'u' })
    assertRefused(sent, description)
  }
})

test('the id of an external person is taken whole, and is the same in address and body', async () => {
  const project = await publishedProject(site, owner)
  const long = await externalContributor(site, project, 'u'.repeat(256))
  for (const request of [long.newTask(), long.submit(firstTask(project)), long.progress()]) {
    const { body } = (await request.expect(415)) as { body: Record<string, unknown> }
    assert.equal(body['exception_cls'], 'DataError')
    assert.match(String(body['exception_msg']), /external_uid is too long: 255 characters are the most/)
  }
  const who = await externalContributor(site, project, 'u'.repeat(255))
  await who.newTask().expect(200)
  const other = await externalContributor(site, project, 'one')
  await other.newTask().expect(200)
  const mixed = other.submit(firstTask(project)).send({ external_uid: 'two' })
  assertRefused(await mixed, 'The external_uid of the body is not the one of the address')
  await who.submit(firstTask(project)).expect(200)
})

/** Answers until nothing is left, one task ahead as the browser does; how many. */
async function answerEverything(
  request: (method: 'get' | 'post', path: string, args?: Record<string, number>) => supertest.Test,
  projectId: number,
  more: object = {},
): Promise<number> {
  for (let given = 0; ; given += 1) {
    const path = `/api/project/${projectId}/newtask`
    const [here, ahead] = await Promise.all([request('get', path), request('get', path, { offset: 1 })])
    assert.deepEqual([here.status, ahead.status], [200, 200])
    const id = taskId(here)
    if (id === undefined) return given
    assert.notEqual(id, taskId(ahead))
    await request('post', '/api/taskrun')
      .send({ project_id: projectId, task_id: id, info: { answer: 'Yes' }, ...more })
      .expect(200)
  }
}

test('fifty people at once leave three answers on each of 200 tasks, none over and none short', async () => {
  const project = await publishedProject(site, owner, { tasks: 200, redundancy: 3 })
  const { text: token } = await site.http
    .get(`/api/auth/project/${project.shortName}/token`)
    .set('Authorization', project.secretKey)

  const externals = Array.from({ length: 20 }, (_, n) => {
    const external_uid = `visitor-${n}`
    return answerEverything(
      (method, path, args = {}) =>
        site.http[method](path)
          .query({ external_uid, ...args })
          .set('Authorization', `Bearer ${token}`),
      project.id,
      { external_uid },
    )
  })
  const devices = Array.from({ length: 30 }, async () => {
    const http = supertest.agent(site.url)
    await http.get(`/project/${project.shortName}/newtask`).expect(200)
    return answerEverything((method, path, args = {}) => http[method](path).query(args), project.id)
  })
  const given = await Promise.all([...externals, ...devices])
  assert.equal(
    given.reduce((sum, count) => sum + count, 0),
    600,
  )

  const [counted] = await rowsOf(
    site,
    `select count(*) filter (where t.state = 'completed')::int as completed,
            count(*) filter (where s.n_runs = 3 and s.n_taken = 3 and s.n_extra = 0 and not s.open)::int as full,
            count(*) filter (where 3 = (select count(*) from task_run r where r.task_id = t.id and r.counted))::int
              as with_three_runs,
            (select count(*)::int from task_run where project_id = $1) as runs,
            (select count(distinct contributor_id)::int from task_run where project_id = $1) as contributors,
            (select count(*)::int from result where project_id = $1 and cardinality(task_run_ids) = 3) as results,
            (select count(distinct payload ->> 'taskId')::int from outbox
              where job = 'note-task-completed' and payload ->> 'projectId' = $1::text) as completions_of_tasks,
            (select count(*)::int from outbox
              where job = 'note-task-completed' and payload ->> 'projectId' = $1::text) as completions,
            (select count(*)::int from lease where project_id = $1 and holds_place) as leases
       from task t join task_sched s on s.task_id = t.id where t.project_id = $1`,
    [project.id],
  )
  const contributors = given.filter((count) => count > 0).length
  assert.deepEqual(counted, {
    completed: 200,
    full: 200,
    with_three_runs: 200,
    runs: 600,
    contributors,
    results: 200,
    completions_of_tasks: 200,
    completions: 200,
    leases: 0,
  })

  const wanted = {
    nTasks: 200,
    nCalibrationTasks: 0,
    nWanted: 600,
    nCompletedTasks: 200,
    nTaskRuns: 600,
    nExtra: 0,
    nContributors: contributors,
  }
  for (const fold of [false, true]) {
    if (fold) await foldTotals(site.app.database.open({ writes: true }))
    await waitForReplica()
    const { lastActivity, ...totals } = await getTotals(site.app.database.open({ writes: false }), project.id)
    assert.deepEqual(totals, wanted)
    assert.ok(lastActivity)
  }
})

test('several tasks at once are as many as fit into one answer, and the others follow', async (t) => {
  const large = await publishedProject(site, owner, { tasks: 4, redundancy: 1 })
  const direct = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] ?? '' })
  await direct.connect()
  t.after(() => direct.end())
  // Kept as it is, a text of equal letters is as large as any; the first alone is larger than what several may hold.
  await direct.query('alter table task alter column info set storage external')
  await direct.query(
    `update task set info = to_jsonb(repeat('x', case id when $2 then 9000000 else 3000000 end)) where project_id = $1`,
    [large.id, large.taskIds[0]],
  )
  const who = await externalContributor(site, large)
  const given = async () => {
    const body = (await who.newTask({ limit: 4 }).expect(200)).body as { id: number } | { id: number }[]
    return [body].flat().map(({ id }) => id)
  }
  const [first = 0, second = 0, third = 0, fourth = 0] = large.taskIds
  assert.deepEqual(await given(), [first])
  await who.submit(first).expect(200)
  assert.deepEqual(await given(), [second, third])
  for (const id of [second, third]) await who.submit(id).expect(200)
  assert.deepEqual(await given(), [fourth])
})
