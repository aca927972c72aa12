import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobs } from '../../../jobs/index.ts'
import { deleteAccount } from '../../../src/domain/accounts/deletion-service.ts'
import { queueMail } from '../../../src/domain/mails/mail-service.ts'
import type { JobRun } from '../../../src/platform/job.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import {
  addOwner,
  addressContributor,
  keyContributor,
  publishedProject,
  rowsOf,
} from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'
import { download, readZip } from '../../support/zip.ts'

const site = await startTestApp(untilFileEnds(), { INACTIVE_ACCOUNT_DAYS: '365' })
const admin = await site.user()
const db = () => site.app.database.open({ writes: true })
const run: JobRun = {
  openDb: db,
  commit: (effect) => db().write(effect),
  log: site.app.log,
  mustHold: () => Promise.resolve(),
  signal: new AbortController().signal,
}

interface Row {
  [column: string]: unknown
}

const accountOf = async ({ id }: TestUser) =>
  (await rowsOf<Row>(site, 'select * from user_account where id = $1', [id]))[0] ?? {}

const subjectsTo = async ({ email }: TestUser) =>
  (
    await rowsOf<{ subject: string }>(site, 'select subject from mail where recipient = $1 order by id', [
      email,
    ])
  ).map(({ subject }) => subject)

async function letDaysPass(user: TestUser): Promise<void> {
  await rowsOf(site, 'update user_account set deletion_due = now() where id = $1', [user.id])
}

test('somebody gets all of their own data in a zip, and nobody else does', async () => {
  const user = await site.user()
  const other = await site.user()
  const project = await publishedProject(site, user, { tasks: 2 })
  for (const taskId of project.taskIds) {
    await keyContributor(site, project, user).newTask().expect(200)
    await keyContributor(site, project, user)
      .submit(taskId, { info: { seen: taskId } })
      .expect(200)
  }
  const page = `/account/${user.name}/export`
  await user.http.get(page).expect(200, /Get all my data/)
  await user.http.post(page).expect(302)
  await user.http.post(page).expect(302)
  await user.http.get(page).expect(200, /Your data is being collected/)
  const [row, ...more] = await rowsOf<{ id: number }>(
    site,
    'select id from account_export where user_id = $1',
    [user.id],
  )
  assert.deepEqual(more, [])
  const exportId = row?.id ?? 0
  await jobs['export-account'].handle(site.app, { exportId }, run)
  await jobs['export-account'].handle(site.app, { exportId }, run)
  assert.deepEqual(await subjectsTo(user), ['Your personal data'])

  await waitForReplica()
  const list = await user.http.get(page).expect(200)
  assert.match(list.text, new RegExp(`href="${page}/${exportId}"`))
  const files = await readZip(await download(user.http.get(`${page}/${exportId}`)))
  assert.deepEqual([...files.keys()], ['personal_data.json', 'user_projects.json', 'user_contributions.json'])
  const personal = JSON.parse(files.get('personal_data.json') ?? '') as { account: Row; api_keys: Row[] }
  assert.equal(personal.account['email'], user.email)
  assert.equal(personal.api_keys.length, 1)
  const runs = JSON.parse(files.get('user_contributions.json') ?? '') as { info: { seen: number } }[]
  assert.deepEqual(
    runs.map(({ info }) => info.seen),
    project.taskIds,
  )
  const text = [...files.values()].join('')
  assert.match(text, new RegExp(project.shortName))
  assert.doesNotMatch(text, /argon2|key_hash|secret_key_sealed|"password_hash"/)

  await other.http.get(page).expect(403)
  await other.http.get(`/account/${other.name}/export/${exportId}`).expect(404)
  await site.http.get(`${page}/${exportId}`).expect(302)
  await rowsOf(site, 'update account_export set expires = now() where id = $1', [exportId])
  await waitForReplica()
  await user.http.get(`${page}/${exportId}`).expect(404)
  await user.http.get(page).expect(200, /No longer there/)
  const files0 = await rowsOf<{ key: string }>(
    site,
    'select file_key as key from account_export where id = $1',
    [exportId],
  )
  await jobs['clean-up'].handle(site.app, {}, run)
  assert.equal(await site.app.files.size(files0[0]?.key ?? ''), undefined)
})

test('an export that fails says so, and a new one can be asked for', async () => {
  const user = await site.user()
  const page = `/account/${user.name}/export`
  await user.http.post(page).expect(302)
  const [row] = await rowsOf<{ id: number }>(site, 'select id from account_export where user_id = $1', [
    user.id,
  ])
  const payload = { exportId: row?.id ?? 0 }
  await db().write(async (tx) => jobs['export-account'].giveUp?.(site.app, tx, payload, new Error('x')))
  await waitForReplica()
  await user.http.get(page).expect(200, /It could not be made/)
  await db().write(async (tx) => jobs['export-account'].revive?.(tx, payload))
  await waitForReplica()
  await user.http.get(page).expect(200, /Being made/)
})

test('somebody deletes their account: it goes after days, their answers stay without them', async () => {
  const user = await site.user()
  const second = await site.user()
  const other = await publishedProject(site, admin, { tasks: 1, redundancy: 2 })
  const shared = await publishedProject(site, user)
  const alone = await publishedProject(site, user)
  await addOwner(site, shared, second)
  await keyContributor(site, other, user).newTask().expect(200)
  await keyContributor(site, other, user)
    .submit(other.taskIds[0] ?? 0)
    .expect(200)
  await rowsOf(site, 'update task set fav_user_ids = array[$1::bigint, $2::bigint] where id = $3', [
    user.id,
    second.id,
    other.taskIds[0],
  ])

  await rowsOf(
    site,
    `insert into upload (container, file_name, noun, object_id) values ('user_1', 'me.png', 'user_account', $1)`,
    [user.id],
  )
  await rowsOf(site, `update user_account set avatar_url = '/uploads/user_1/me.png' where id = $1`, [user.id])
  await rowsOf(site, `insert into import_schedule (project_id, user_id, source) values ($1, $2, '{}')`, [
    shared.id,
    user.id,
  ])

  const page = `/account/${user.name}/delete`
  await user.http.get(page).expect(200, /2 projects of yours go to their next owners/)
  assert.equal((await accountOf(user))['deletion_due'], null)
  await user.http.post(page).expect(302)
  await user.http.get('/account/profile').expect(200, /Your account will be deleted on/)
  await user.http.get(page).expect(200, /Keep my account/)
  assert.deepEqual(await subjectsTo(user), ['Your account will be deleted'])
  const [job] = await rowsOf<{ days: number }>(
    site,
    `select round(extract(epoch from not_before - now()) / 86400)::int as days from outbox
      where job = 'delete-account' and payload->>'userId' = $1`,
    [user.id],
  )
  assert.equal(job?.days, 7)

  // Too early, then cancelled: nothing happens.
  await deleteAccount(site.app, run, user.id)
  await user.http.post(`${page}/cancel`).expect(302)
  await user.http.post(`${page}/cancel`).expect(409)
  await deleteAccount(site.app, run, user.id)
  assert.equal((await accountOf(user))['deleted'], null)

  await rowsOf(site, `insert into leader (period, rank, user_id, n_runs) values ('all', 1, $1, 9)`, [user.id])
  await waitForReplica()
  const told = () => subjectsTo(admin)
  assert.deepEqual(await told(), [])
  const shown = [`/project/${alone.shortName}/`, `/project/${shared.shortName}/`, '/leaderboard/']
  for (const path of shown) await site.http.get(path).expect(200, new RegExp(user.name))

  await user.http.post(page).expect(302)
  await letDaysPass(user)
  await jobs['delete-account'].handle(site.app, { userId: user.id }, run)
  for (const path of shown)
    assert.ok(!(await site.http.get(path).expect(200)).text.includes(user.name), `${path} is kept`)
  await jobs['delete-account'].handle(site.app, { userId: user.id }, run)
  const account = await accountOf(user)
  assert.match(String(account['name']), new RegExp(`^deleted-${user.id}-[0-9a-f]{12}$`))
  assert.equal(account['avatar_url'], null)
  assert.deepEqual(await rowsOf(site, `select 1 from upload where noun = 'user_account'`), [])
  assert.equal(account['password_hash'], null)
  assert.notEqual(account['deleted'], null)
  assert.deepEqual(await subjectsTo(user), ['Your account has been deleted'])
  assert.deepEqual(await told(), ['Manyhands: an account was deleted'])
  const [notice] = await rowsOf<{ text: string }>(
    site,
    'select text_body as text from mail where recipient = $1',
    [admin.email],
  )
  assert.match(
    notice?.text ?? '',
    new RegExp(`Account ${user.id} is gone[\\s\\S]*These projects[\\s\\S]*${alone.shortName}`),
  )
  assert.ok(!notice?.text.includes(user.name))
  // What they had asked for before may end now: nobody is told.
  const nobody = { to: String(account['email']), subject: 'Late', template: 'account-deleted', view: {} }
  await db().write((tx) => queueMail(site.app, tx, nobody))
  assert.deepEqual(await rowsOf(site, `select 1 from mail where subject = 'Late'`), [])
  for (const table of [
    'session',
    'api_key',
    'mail_choice',
    'import_schedule',
    'project_owner',
    'contributor',
  ])
    assert.deepEqual(await rowsOf(site, `select 1 from ${table} where user_id = $1`, [user.id]), [])
  const owners = await rowsOf<Row>(site, 'select owner_id from project where id = any($1) order by id', [
    [shared.id, alone.id],
  ])
  assert.deepEqual(
    owners.map(({ owner_id: id }) => id),
    [second.id, admin.id],
  )
  const [kept] = await rowsOf<Row>(
    site,
    `select c.kind, c.made_up_ip as ip, t.fav_user_ids as favourites from task_run r
       join contributor c on c.id = r.contributor_id join task t on t.id = r.task_id where r.project_id = $1`,
    [other.id],
  )
  assert.equal(kept?.['kind'], 'device')
  assert.match(String(kept['ip']), /^24\d\.\d+\.\d+\.\d+$|^25[0-4]\.\d+\.\d+\.\d+$/)
  assert.deepEqual(kept['favourites'], [second.id])

  await waitForReplica()
  await site.http
    .post('/account/signin')
    .type('form')
    .send({ email: user.email, password: user.password })
    .expect(422)
  await admin.http.get(`/api/user/${user.id}`).expect(404)
  // The name and address are free again.
  const form = { fullName: 'New Person', name: user.name, email: user.email, password: 'four plain words' }
  await site.http.post('/account/register').type('form').send(form).expect(302)
  await site.http.post('/account/signout').expect(302)
  // Whoever answers now is somebody else.
  await addressContributor(site, other).newTask().expect(200)
})

test('the only admin cannot leave; nobody deletes somebody else', async () => {
  const stranger = await site.user()
  const page = await admin.http.post(`/account/${admin.name}/delete`).expect(409)
  assert.match(page.text, /You are the only admin/)
  assert.equal((await accountOf(admin))['deletion_due'], null)
  await stranger.http.post(`/account/${admin.name}/delete`).expect(403)
  await stranger.http.get(`/account/${admin.name}/delete`).expect(403)
  await site.http.get(`/account/${admin.name}/delete`).expect(302)
})

test('a project without another owner needs an admin to go to, or else its owner’s account stays', async () => {
  const user = await site.user()
  await publishedProject(site, user)
  await user.http.post(`/account/${user.name}/delete`).expect(302)
  await letDaysPass(user)
  await rowsOf(site, 'update user_account set is_admin = false where id = $1', [admin.id])
  await assert.rejects(deleteAccount(site.app, run, user.id), /no other admin/)
  await rowsOf(site, 'update user_account set is_admin = true where id = $1', [admin.id])
  assert.equal((await accountOf(user))['deleted'], null)
})

test('who has not come for long is warned once; whoever comes back keeps the account, the others lose it', async () => {
  await rowsOf(site, 'delete from mail')
  const [away, back, byKey, owner, recent] = [
    await site.user(),
    await site.user(),
    await site.user(),
    await site.user(),
    await site.user(),
  ]
  await publishedProject(site, owner)
  await rowsOf(site, `update user_account set last_seen = now() - interval '400 days' where id = any($1)`, [
    [away.id, back.id, byKey.id, owner.id, admin.id],
  ])
  const warn = () => jobs['warn-inactive-accounts'].handle(site.app, {}, run)
  await rowsOf(site, 'update api_key set last_used = now() where user_id = $1', [recent.id])
  await warn()
  await warn()
  for (const person of [owner, admin, recent]) assert.deepEqual(await subjectsTo(person), [])
  for (const person of [away, back, byKey])
    assert.deepEqual(await subjectsTo(person), ['Do you still want your account?'])

  await site.http
    .post('/account/signin')
    .type('form')
    .send({ email: back.email, password: back.password })
    .expect(302)
  await site.http.post('/account/signout').expect(302)
  assert.equal((await accountOf(back))['deletion_due'], null)
  await rowsOf(site, 'update api_key set last_used = now() where user_id = $1', [byKey.id])
  for (const person of [away, byKey]) {
    await letDaysPass(person)
    await deleteAccount(site.app, run, person.id)
  }
  assert.notEqual((await accountOf(away))['deleted'], null)
  const kept = await accountOf(byKey)
  assert.deepEqual([kept['deleted'], kept['deletion_due']], [null, null])
})

test('a deletion that was asked for is not cancelled by signing in', async () => {
  const user = await site.user()
  await user.http.post(`/account/${user.name}/delete`).expect(302)
  await site.http
    .post('/account/signin')
    .type('form')
    .send({ email: user.email, password: user.password })
    .expect(302)
  await site.http.post('/account/signout').expect(302)
  assert.notEqual((await accountOf(user))['deletion_due'], null)
})
