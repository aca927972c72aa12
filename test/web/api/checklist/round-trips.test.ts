import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { pictureOf } from '../../../support/pictures.ts'
import { answeredProject, exportedJson } from '../../../support/answered-project.ts'
import { assertRefused, bodyOf, by, listOf, refusal } from '../../../support/api.ts'
import type { Body } from '../../../support/api.ts'
import { startTestApp } from '../../../support/app.ts'
import { draftProject } from '../../../support/builders.ts'
import { untilFileEnds } from '../../../support/file-ending.ts'
import { work } from '../../../support/jobs.ts'
import { BIRDS, buildPresenterProject } from '../../../support/presenter-project.ts'
import { waitForReplica } from '../../../support/servers.ts'

/**
 * What PyBossa's clients rely on, one test a statement; the numbers are those of our checklist. Where a statement is
 * about a client, its requests are sent as it sends them.
 */
const ending = untilFileEnds()
const site = await startTestApp(ending)
const admin = await site.user()
const owner = await site.user()
const stranger = await site.user()
/** A project of which enki loads everything. */
const answered = await answeredProject(site, owner, { tasks: 250, runs: 3 })

/** What pybossa-client leaves out of an object when it sends it back. */
const KEPT_BACK = ['id', 'created', 'updated', 'completed', 'contacted', 'published', 'secret_key']

async function newProject(): Promise<Body> {
  const name = `p-${randomUUID().slice(0, 8)}`
  const project = { name, short_name: name, description: 'By a client.' }
  const made = await bodyOf(by(owner, site.http.post('/api/project')).send(project))
  await waitForReplica()
  const [found] = await listOf(by(owner, site.http.get('/api/project').query({ short_name: name })))
  assert.ok(found)
  assert.equal(found['id'], made['id'])
  return found
}

const putProject = (project: Body, change: Body) =>
  by(owner, site.http.put(`/api/project/${String(project['id'])}`)).send(change)

const withoutKeptBack = (project: Body) =>
  Object.fromEntries(Object.entries(project).filter(([key]) => !KEPT_BACK.includes(key)))

/** A task that was made and fetched. */
async function newTask(fields: Body = {}): Promise<Body> {
  const { id: projectId } = await draftProject(site, owner, { tasks: 0 })
  const task = { project_id: projectId, info: 'x', ...fields }
  const made = await bodyOf(by(owner, site.http.post('/api/task')).send(task))
  await waitForReplica()
  return bodyOf(by(owner, site.http.get(`/api/task/${String(made['id'])}`)))
}

const putTask = (task: Body, change: Body) =>
  by(owner, site.http.put(`/api/task/${String(task['id'])}`)).send(change)

test('34. A project that was found is sent back with one change, and only that changes', async () => {
  const found = await newProject()
  const sent = { ...withoutKeptBack(found), long_description: 'Changed.' }
  const changed = await bodyOf(putProject(found, sent))
  const { links: _, link: __, updated: ___, ...rest } = found
  for (const [key, value] of Object.entries({ ...rest, long_description: 'Changed.' }))
    assert.deepEqual(changed[key], value, key)
})

test('35. Its owner sees of a project what scripts may set', async () => {
  const found = await newProject()
  for (const key of ['long_description', 'description', 'name', 'short_name']) assert.ok(key in found, key)
  assert.equal(Object.prototype.toString.call(found['info']), '[object Object]')
})

test('36. Every field of a project that GET shows is taken back by PUT', async () => {
  const found = await newProject()
  const sent = withoutKeptBack(found)
  for (const key of ['link', 'links', 'owner_id', 'owners_ids', 'category_id', 'webhook', 'featured'])
    assert.ok(key in sent, key)
  await putProject(found, sent).expect(200)
  for (const [key, value] of Object.entries(sent)) await putProject(found, { [key]: value }).expect(200)
})

test('37. Reserved keys of a project are refused', async () => {
  const found = await newProject()
  for (const key of ['id', 'created', 'secret_key'])
    await assertRefused(putProject(found, { [key]: found[key] }), [400, 'BadRequest'])
  await assertRefused(putProject(found, { published: true }), [403, 'Forbidden'])
})

test('38. A short name that is taken is refused so that pbs can say so', async () => {
  const { short_name } = await newProject()
  const request = site.http.post('/api/project').send({ name: 'Another', short_name, description: 'Twice.' })
  const { errorClass, target } = await refusal(by(owner, request))
  assert.deepEqual([errorClass, target], ['DBIntegrityError', 'project'])
})

test('39. A redundancy that is sent as a text is stored as a number', async () => {
  const task = await newTask()
  const { n_answers } = await bodyOf(putTask(task, { n_answers: '5' }))
  assert.equal(n_answers, 5)
})

test('40. A redundancy of null restores 30', async () => {
  const task = await newTask({ n_answers: 2 })
  const { n_answers } = await bodyOf(putTask(task, { n_answers: null }))
  assert.equal(n_answers, 30)
})

test('41. A task may be sent back with its links and project', async () => {
  const task = await newTask()
  const { link, links, project_id } = task
  assert.ok(link !== undefined && links !== undefined)
  const changed = await bodyOf(putTask(task, { link, links, project_id, info: 'y' }))
  assert.deepEqual([changed['project_id'], changed['info']], [project_id, 'y'])
})

test('42. The info of a task may be any JSON and stays what it was', async () => {
  for (const info of ['text', 1.5, ['a', 1, null], { deep: { list: [1, 'ü'] } }, { null: ['too many'] }])
    assert.deepEqual((await newTask({ info }))['info'], info)
})

test('43. A task wants 30 task runs unless it says otherwise', async () => {
  assert.equal((await newTask())['n_answers'], 30)
})

test('44. A helping material with a file keeps it when its info is added to', async () => {
  const { id: projectId } = await draftProject(site, owner)
  const request = by(owner, site.http.post('/api/helpingmaterial')).field('project_id', projectId)
  const picture = pictureOf('png')
  const made = await bodyOf(request.attach('file', picture, 'bird.png'))
  const info = made['info'] as Body
  assert.ok(Number.isInteger(made['id']))
  for (const value of [info['container'], info['file_name'], made['media_url']])
    assert.equal(typeof value, 'string')
  const put = by(owner, site.http.put(`/api/helpingmaterial/${String(made['id'])}`))
  const changed = await bodyOf(put.send({ info: { ...info, caption: 'A bird' } }))
  assert.deepEqual(changed['info'], { ...info, caption: 'A bird' })
  assert.equal(changed['media_url'], made['media_url'])
  const file = site.http
    .get(new URL(String(made['media_url'])).pathname)
    .buffer()
    .responseType('blob')
  assert.deepEqual((await file.expect(200)).body, picture)
})

test('45. A helping material without a file is made by media_url null', async () => {
  const { id } = await draftProject(site, owner)
  const material = { project_id: id, info: { caption: 'Words' }, media_url: null }
  const made = await bodyOf(by(owner, site.http.post('/api/helpingmaterial')).send(material))
  assert.deepEqual([made['info'], made['media_url']], [material.info, null])
})

test('46. Deleting somebody else’s task is forbidden, and a missing one is not found', async () => {
  const task = await newTask()
  const foreign = by(stranger, site.http.delete(`/api/task/${String(task['id'])}`))
  await assertRefused(foreign, [403, 'Forbidden'])
  const { status, target } = await refusal(by(owner, site.http.delete('/api/task/999999')))
  assert.deepEqual([status, target], [404, 'task'])
})

test('47. An empty tutorial is none on the contribute page', async () => {
  const presenter = { ...BIRDS, tutorial: 'Look at the beak.' }
  const { project, owner: author } = await buildPresenterProject(site, presenter, [{ picture: 'x' }])
  const page = () => site.http.get(`/project/${project.shortName}/newtask`).expect(200)
  assert.match((await page()).text, /id="show-help"/)
  const info = { task_presenter: '<p>Question</p>', tutorial: '' }
  await by(author, site.http.put(`/api/project/${project.id}`))
    .send({ info })
    .expect(200)
  await waitForReplica()
  const { text } = await page()
  assert.doesNotMatch(text, /id="show-help"/)
  assert.match(text, /id="tutorial-panel"[^>]* hidden>/)
})

test('48. Deleting page by page as pbs does leaves none of 60 tasks', async () => {
  const { id } = await draftProject(site, owner, { tasks: 60 })
  const page = (offset: number) =>
    listOf(by(owner, site.http.get('/api/task').query({ project_id: id, limit: 100, offset })))
  let deleted = 0
  for (let offset = 0; ; offset += 100) {
    const tasks = await page(offset)
    if (tasks.length === 0) break
    for (const task of tasks) {
      await by(owner, site.http.delete(`/api/task/${String(task['id'])}`))
        .send('null')
        .expect(204)
      deleted += 1
    }
    await waitForReplica()
  }
  assert.equal(deleted, 60)
  assert.deepEqual(await page(0), [])
})

test('49. Loading page by page as enki does finds 250 tasks and 750 task runs', async () => {
  const pages = async (noun: string, query: Body) => {
    const rows: Body[] = []
    for (let more: Body = { offset: 0 }; ; more = { last_id: rows.at(-1)?.['id'] }) {
      const request = site.http.get(`/api/${noun}`).query({ ...query, ...more, limit: 100, all: 0 })
      const page = await listOf(by(owner, request))
      if (page.length === 0) return rows
      rows.push(...page)
    }
  }
  const tasks = await pages('task', { project_id: answered.id, state: 'completed' })
  assert.deepEqual(
    tasks.map(({ id }) => id),
    answered.taskIds,
  )
  let runs = 0
  for (const { id } of tasks)
    runs += (await pages('taskrun', { project_id: answered.id, task_id: id })).length
  assert.equal(runs, 750)
})

test('50. The exported files hold the same tasks and task runs as plain lists', async () => {
  const { stop } = work(site)
  const tasks = JSON.parse(await exportedJson(site, owner, answered, 'task')) as Body[]
  const runs = JSON.parse(await exportedJson(site, owner, answered, 'task_run')) as Body[]
  await stop()
  assert.deepEqual(
    tasks.map(({ id }) => id),
    answered.taskIds,
  )
  assert.equal(runs.length, 750)
  assert.ok(tasks.every((task) => task['project_id'] === answered.id && task['state'] === 'completed'))
  assert.ok(runs.every((run) => run['project_id'] === answered.id && 'task_id' in run && 'info' in run))
})

test('51. An admin makes a category as pybossa-client does, and others may not', async () => {
  const category = { name: 'Sea Birds', short_name: 'seabirds', description: 'Gulls.' }
  const request = () => site.http.post('/api/category').send(category)
  await assertRefused(by(stranger, request()), [403, 'Forbidden'])
  assert.equal((await bodyOf(by(admin, request())))['short_name'], 'seabirds')
})
