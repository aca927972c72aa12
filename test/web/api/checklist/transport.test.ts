import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { apiOperations } from '../../../../src/web/api/api-routes.ts'
import { pictureOf } from '../../../support/pictures.ts'
import { assertRefused, bodyOf, by, refusal } from '../../../support/api.ts'
import type { Body } from '../../../support/api.ts'
import { startTestApp } from '../../../support/app.ts'
import { keyContributor, publishedProject } from '../../../support/builders.ts'
import { untilFileEnds } from '../../../support/file-ending.ts'
import { waitForReplica } from '../../../support/servers.ts'

/** What PyBossa's clients rely on, one test a statement; the numbers are those of our checklist. */
const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const project = await publishedProject(site, owner, { tasks: 2 })
const [firstTask = 0] = project.taskIds

const newTask = () =>
  bodyOf(by(owner, site.http.post('/api/task')).send({ project_id: project.id, info: 'new' }))

function newProject(): Body {
  const name = `p-${randomUUID().slice(0, 8)}`
  return { name, short_name: name, description: 'Made by a program.' }
}

test('1. Two slashes before the path count as one for GET and POST, without a redirect', async () => {
  const query = { short_name: project.shortName }
  const single = await site.http.get('/api/project').query(query).expect(200)
  const doubled = await site.http.get('//api/project').query(query).expect(200)
  assert.deepEqual(doubled.body, single.body)
  await by(owner, site.http.post('//api/project')).send(newProject()).expect(200)
})

test('2. DELETE with the JSON body null is 204 with nothing behind it', async () => {
  const { id } = await newTask()
  const request = site.http.delete(`/api/task/${String(id)}?api_key=${owner.apiKey}`)
  const { text } = await request.set('Content-Type', 'application/json').send('null').expect(204)
  assert.equal(text, '')
})

test('3. DELETE without body and content type is 204 as well', async () => {
  const { id } = await newTask()
  const { text } = await site.http.delete(`/api/task/${String(id)}?api_key=${owner.apiKey}`).expect(204)
  assert.equal(text, '')
})

test('4. What POST and PUT achieved is told by 200 and the object', async () => {
  const task = await newTask()
  const changed = await bodyOf(
    by(owner, site.http.put(`/api/task/${String(task['id'])}`)).send({ info: 'changed' }),
  )
  assert.deepEqual(changed, { ...task, info: 'changed' })
  const made = await bodyOf(by(owner, site.http.post('/api/project')).send(newProject()))
  const path = `/api/project/${String(made['id'])}`
  const renamed = await bodyOf(by(owner, site.http.put(path)).send({ description: 'Other.' }))
  assert.deepEqual([renamed['id'], renamed['description']], [made['id'], 'Other.'])
})

test('5. An unknown address below /api is answered in JSON', async () => {
  for (const path of ['/api/nothing', '/api/project/1/nothing', '/api/nothing/1/2'])
    await assertRefused(site.http.get(path).expect('Content-Type', /json/), [404, 'NotFound'])
})

test('6. A body that is no JSON is refused in the error shape', async () => {
  const request = by(owner, site.http.post('/api/task')).set('Content-Type', 'application/json')
  const { target, errorClass } = await refusal(request.send('{"info":'))
  assert.deepEqual([target, errorClass], ['task', 'ValueError'])
})

test('7. A body above the limit is answered in JSON before the connection ends', async () => {
  const tooLong = JSON.stringify({ ...newProject(), description: 'x'.repeat(11 * 1024 * 1024) })
  const request = by(owner, site.http.post('/api/project')).set('Content-Type', 'application/json')
  await assertRefused(request.send(tooLong), [413, 'RequestEntityTooLarge'])
})

test('8. A presenter of 5 MB is taken and given back byte for byte', async () => {
  const path = `/api/project/${String((await bodyOf(by(owner, site.http.post('/api/project')).send(newProject())))['id'])}`
  const strange = '<p>{{x}} {% if %}</p>\r\n<script>"</script>"</script>\t&amp; 🌳\r\n'
  const presenter = strange.repeat(Math.ceil((5 * 1024 * 1024) / Buffer.byteLength(strange)))
  await by(owner, site.http.put(path))
    .send({ info: { task_presenter: presenter } })
    .expect(200)
  await waitForReplica()
  const { info } = await bodyOf(by(owner, site.http.get(path)))
  assert.ok((info as Body)['task_presenter'] === presenter)
})

test('9. The key in the address counts for every method and body', async () => {
  const key = { api_key: owner.apiKey }
  const read = await bodyOf(site.http.get(`/api/project/${project.id}`).query(key))
  assert.equal(typeof read['secret_key'], 'string')
  const task = await bodyOf(site.http.post('/api/task').query(key).send({ project_id: project.id }))
  const path = `/api/task/${String(task['id'])}`
  await site.http.put(path).query(key).send({ info: 1 }).expect(200)
  await site.http.delete(path).query(key).expect(204)
  const upload = site.http.post('/api/helpingmaterial').query(key).field('project_id', project.id)
  await upload.attach('file', pictureOf('png'), 'bird.png').expect(200)
})

test('10. No object has a key code or data', async () => {
  const contributor = keyContributor(site, project, owner)
  await contributor.newTask().expect(200)
  await contributor.submit(firstTask).expect(200)
  await waitForReplica()
  const nouns = apiOperations(site.app).filter(({ method, path }) => method === 'get' && /^\/\w+$/.test(path))
  const seen = new Set<string>()
  for (const { path } of nouns) {
    const response = await by(owner, site.http.get(`/api${path}`).query({ all: 1 })).expect(200)
    const objects = [response.body].flat() as Body[]
    for (const object of objects) {
      seen.add(path)
      assert.ok(!('code' in object) && !('data' in object), path)
    }
  }
  for (const path of ['/project', '/task', '/taskrun', '/result', '/category', '/helpingmaterial', '/user'])
    assert.ok(seen.has(path), path)
})

test('11. Whatever a client accepts, below /api it is given JSON', async () => {
  for (const accept of ['*/*', 'application/json, text/javascript, */*; q=0.01', '']) {
    const ok = site.http.get(`/api/task/${firstTask}`)
    const missing = site.http.get('/api/task/999999')
    for (const request of [ok, missing]) {
      if (accept) request.set('Accept', accept)
      else request.unset('Accept')
      await request.expect('Content-Type', /^application\/json/)
    }
  }
})

test('12. GET with Content-Type application/json and body {} is served normally', async () => {
  const plain = await site.http.get(`/api/task/${firstTask}`).expect(200)
  const request = site.http.get(`/api/task/${firstTask}`).set('Content-Type', 'application/json')
  assert.deepEqual((await request.send('{}').expect(200)).body, plain.body)
})

test('13. Pages of any origin may read a task and ask to post a task run', async () => {
  for (const origin of ['null', 'https://elsewhere.example']) {
    const read = site.http.get(`/api/task/${firstTask}`).set('Origin', origin)
    await read.expect(200).expect('Access-Control-Allow-Origin', '*')
    const preflight = site.http.options('/api/taskrun').set({
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type',
    })
    const { headers } = await preflight.expect(200).expect('Access-Control-Allow-Origin', '*')
    assert.match(String(headers['access-control-allow-methods']), /\bPOST\b/)
    assert.match(String(headers['access-control-allow-headers']), /content-type/i)
  }
})
