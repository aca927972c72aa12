import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import supertest from 'supertest'
import { getProjectById, publishProject } from '../../../src/domain/projects/project-service.ts'
import { createTotalFolder } from '../../../src/domain/totals/total-service.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, externalContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()

test('an owner creates a project by form; a refused form keeps what was typed', async () => {
  const shortName = `p-${randomUUID().slice(0, 8)}`
  await owner.http.get('/project/new').expect(200)
  const bad = await owner.http
    .post('/project/new')
    .type('form')
    .send({ name: 'Birds <b>', shortName: 'has blank', description: '' })
    .expect(422)
  assert.match(bad.text, /value="Birds &lt;b&gt;"/)
  assert.match(bad.text, /no blanks/)
  assert.match(bad.text, /Say in one sentence/)
  await owner.http
    .post('/project/new')
    .type('form')
    .send({
      name: shortName,
      shortName,
      description: 'Fine.',
      longDescription: '**Bold** <script>x</script>',
    })
    .expect(302)
    .expect('Location', `/project/${shortName}/tasks/`)
  await waitForReplica()
  const page = await owner.http.get(`/project/${shortName}/`).expect(200)
  assert.match(page.text, /<strong>Bold<\/strong>/)
  assert.ok(!page.text.includes('<script>x'))
  await owner.http.get(`/project/${shortName}/tasks/`).expect(200, /Add tasks/)
  const early = await owner.http.post(`/project/${shortName}/publish`).expect(400)
  assert.match(early.text, /Choose how tasks are presented/)
  for (const dots of ['.', '..']) {
    const form = { name: 'Dots', shortName: dots, description: 'Nowhere.' }
    await owner.http
      .post('/project/new')
      .type('form')
      .send(form)
      .expect(422, /cannot be just/)
  }
  const taken = { name: 'Another', shortName, description: 'Fine.' }
  await owner.http
    .post('/project/new')
    .type('form')
    .send(taken)
    .expect(422, /Another project has this short name/)
})

test('a short name that is left empty is made from the name, and shown when it is taken', async () => {
  const word = randomUUID().slice(0, 8)
  const create = (form: Record<string, string>) =>
    owner.http
      .post('/project/new')
      .type('form')
      .send({ description: 'Fine.', ...form })
  await create({ name: `Birds of ${word}`, shortName: ' ' })
    .expect(302)
    .expect('Location', `/project/birds-of-${word}/tasks/`)
  const taken = await create({ name: `Birds, of: ${word}` }).expect(
    422,
    /Another project has this short name/,
  )
  assert.match(taken.text, new RegExp(`value="birds-of-${word}"`))
  await create({ name: '!?' }).expect(422, /Choose a short name/)
})

test('a draft is shown to its owners only, and published by them only', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = `/project/${shortName}/`
  await owner.http.get(path).expect(200)
  await stranger.http.get(path).expect(403)
  const away = await site.http.get(path).expect(302)
  assert.match(String(away.headers['location']), /^\/account\/signin\?next=/)
  await stranger.http.post(`${path}publish`).expect(403)
  await site.http.post(`${path}publish`).expect(401)
  await owner.http.post(`${path}publish`).expect(302)
  await waitForReplica()
  await site.http.get(path).expect(200, /Start|contribut/i)
  await owner.http.post(`${path}publish`).expect(400, /published already/)
})

test('settings are changed by owners, with errors beside the fields', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  const path = `/project/${shortName}/update`
  await owner.http.get(path).expect(200, new RegExp(`Built ${shortName}`))
  await stranger.http.get(path).expect(403)
  const send = (form: Record<string, string>) => owner.http.post(path).type('form').send(form)
  await send({ name: '', description: 'Kept text' }).expect(422, /Give the project a name[\s\S]*Kept text/)
  await send({ name: `New ${shortName}`, description: 'New.', longDescription: '' }).expect(302)
  const [row] = await rowsOf<Record<string, unknown>>(
    site,
    'select name, description, allow_anonymous_contributors as anonymous from project where id = $1',
    [id],
  )
  assert.deepEqual(row, { name: `New ${shortName}`, description: 'New.', anonymous: false })
})

test('owners choose the licence of the data, which stands on the project’s page and goes again', async () => {
  const { shortName } = await publishedProject(site, owner)
  const path = `/project/${shortName}`
  const words = { name: `With licence ${shortName}`, description: 'Free.', longDescription: '' }
  const send = (licence: string) =>
    owner.http
      .post(`${path}/update`)
      .type('form')
      .send({ ...words, licence })
  await send('ODbL-1.0').expect(302)
  await owner.http.get(`${path}/update`).expect(200, /<option value="ODbL-1.0" selected>/)
  await waitForReplica()
  const link = /Its data: <a href="https:\/\/opendatacommons.org\/licenses\/odbl\/1-0\/">/
  await owner.http.get(`${path}/`).expect(200, link)
  await send('My own').expect(422, /Choose one of CC0-1\.0/)
  await send('').expect(302)
  await owner.http.get(`${path}/update`).expect(200, /<option value="" selected>/)
})

test('one answer by one person to one task is said in the singular', async () => {
  const project = await publishedProject(site, owner)
  const who = await externalContributor(site, project)
  await who.newTask().expect(200)
  await who.submit(project.taskIds[0] ?? 0).expect(200)
  await waitForReplica()
  const path = `/project/${project.shortName}/`
  const page = await site.http.get(path).expect(200, /<\/strong> answer given</)
  assert.match(page.text, /<\/strong> person helped</)
  const workbench = await owner.http.get(`${path}tasks/`).expect(200, /<\/strong> task</)
  assert.match(workbench.text, /<\/strong> of 1 answer<[\s\S]*<\/strong> contributor</)
  await owner.http.get(`${path}newtask`).expect(200, /1 of 1 answer</)
})

test('the list of projects goes on over pages', async () => {
  for (let n = 0; n < 13; n += 1) await publishedProject(site, owner)
  const first = await site.http.get('/project/').expect(200)
  const [, next = ''] = /href="(\/project\/\?before=\d+)"/.exec(first.text) ?? []
  const second = await site.http.get(next).expect(200)
  assert.ok(!second.text.includes(next))
  await site.http.get('/project').expect(200)
})

test('home shows what needs people and what is done; the pages about the site answer', async () => {
  const done = await publishedProject(site, owner)
  const who = await externalContributor(site, done)
  await who.newTask().expect(200)
  await who.submit(done.taskIds[0] ?? 0).expect(200)
  await waitForReplica()
  await site.http.get('/').expect(200, /<h1/)
  await site.http.get(`/project/${done.shortName}/`).expect(200)
  for (const path of ['/about', '/help/privacy', '/healthz', '/readyz', '/robots.txt'])
    await site.http.get(path).expect(200)
  await site.http.get('/favicon.ico').expect(204)
})

test('home offers people with data a project of their own: by signing up first, or at once', async () => {
  const [anonymous, signedIn] = await Promise.all([site.http.get('/'), owner.http.get('/')])
  const offered = ({ text }: { text: string }) =>
    /href="([^"]*)">Start a project of your own</.exec(text)?.[1]
  assert.equal(offered(anonymous), '/account/register?next=/project/new')
  assert.equal(offered(signedIn), '/project/new')
})

test('a project without answers invites those who may give the first one', async () => {
  const project = await publishedProject(site, owner, { tasks: 2 })
  const path = `/project/${project.shortName}/`
  await site.http.get('/project/').expect(200, /No answers yet: be the first/)
  await owner.http.get(`${path}tasks/`).expect(200, /No answers yet</)
  await rowsOf(site, 'update project set presenter_version_id = null where id = $1', [project.id])
  await waitForReplica()
  await site.http.get(path).expect(200, /No answers yet</)
  const who = await externalContributor(site, project)
  await who.newTask().expect(200)
  await who.submit(project.taskIds[0] ?? 0).expect(200)
  await createTotalFolder(site.app).fold()
  await site.http.get(path).expect(200, /50 % done · 1 contributor</)
})

test('owners browse tasks by state and page, look at one, and see answers arriving', async () => {
  const project = await publishedProject(site, owner, { tasks: 27 })
  const [first = 0] = project.taskIds
  const who = await externalContributor(site, project, 'reader-7')
  for (let n = 0; n < 26; n += 1) {
    const { body } = (await who.newTask().expect(200)) as { body: { id: number } }
    await who.submit(body.id, { info: n === 0 ? { answer: 'Yes' } : 'plain' }).expect(200)
  }
  await waitForReplica()
  const base = `/project/${project.shortName}`
  const all = await owner.http.get(`${base}/tasks/browse`).expect(200)
  const [, next = ''] = /href="([^"]*after=\d+)"/.exec(all.text) ?? []
  await owner.http.get(next.replaceAll('&amp;', '&')).expect(200, new RegExp(String(project.taskIds[26])))
  for (const show of ['ongoing', 'completed', 'untouched', 'nonsense']) {
    await owner.http.get(`${base}/tasks/browse?show=${show}`).expect(200)
  }
  const task = await owner.http.get(`${base}/tasks/${first}`).expect(200, /reader-7/)
  assert.match(task.text, /<dt>n<\/dt><dd>1<\/dd>/)
  assert.match(task.text, /<td><div class="cell">Yes<\/div>/)
  const answers = await owner.http.get(`${base}/answers`).expect(200, /reader-7/)
  const [, older = ''] = /href="([^"]*before=\d+)"/.exec(answers.text) ?? []
  await owner.http.get(older).expect(200)

  const other = await publishedProject(site, owner)
  await owner.http.get(`${base}/tasks/${other.taskIds[0] ?? 0}`).expect(404)
  await owner.http.get(`${base}/tasks/none`).expect(404)
  for (const path of ['/tasks/browse', `/tasks/${first}`, '/answers', '/tasks/']) {
    await stranger.http.get(base + path).expect(403)
  }
})

test('the presenter’s form is shown with the columns of the owner’s tasks, refused with reasons, and saved', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = `/project/${shortName}/tasks/taskpresentereditor`
  await owner.http
    .get(path)
    .expect(200, /<option value="picture" selected>picture \(no task has it\)<\/option><option>n<\/option>/)
  await owner.http.get(path).expect(200, /id="tutorial-hint">[^<]*Plain text, without Markdown/)
  const send = (form: Record<string, string>) => owner.http.post(path).type('form').send(form)
  const form = { question: 'Is it?', choices: 'Yes\nNo', pictureColumn: 'n', tutorial: 'Look.' }
  await send({ ...form, question: '' }).expect(422, /Yes\nNo/)
  await send({ ...form, choices: 'One' }).expect(422)
  const wrong = await send({ ...form, pictureColumn: 'image<b>' }).expect(422)
  assert.match(wrong.text, /id="pictureColumn-error">.*No task has a column “image&lt;b&gt;”\. They have n\./)
  assert.match(wrong.text, /<option value="image&lt;b&gt;" selected>/)
  await send({ ...form, template: 'none' }).expect((response) => {
    assert.ok(response.status >= 400)
  })
  await send(form).expect(302)
  await waitForReplica()
  await owner.http.get(path).expect(200, /Is it\?/)
  await stranger.http.post(path).type('form').send(form).expect(403)
})

test('a project without tasks is not published; tasks of any shape can be browsed', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${shortName}`
  await owner.http.post(`${path}/publish`).expect(400, /Add tasks before you publish/)
  for (const info of ['plain words', { nested: { deep: 1 } }, { picture: 'https://x.example/1.jpg' }]) {
    await owner.http
      .post('/api/task')
      .query({ api_key: owner.apiKey })
      .send({ project_id: id, info })
      .expect(200)
  }
  await waitForReplica()
  const page = await owner.http.get(`${path}/tasks/browse`).expect(200)
  for (const shown of ['plain words', 'nested:', 'picture: https://x.example/1.jpg'])
    assert.ok(page.text.includes(shown))
})

test('a picture column is any that a task has, and any at all while there are no tasks', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const editor = `/project/${shortName}/tasks/taskpresentereditor`
  const save = (pictureColumn: string) =>
    owner.http.post(editor).type('form').send({ question: 'Is it?', choices: 'Yes\nNo', pictureColumn })
  await save('later').expect(302)
  const add = async (...infos: unknown[]) => {
    for (const info of infos)
      await owner.http
        .post('/api/task')
        .query({ api_key: owner.apiKey })
        .send({ project_id: id, info })
        .expect(200)
    await waitForReplica()
  }
  await add('plain words')
  await save('later').expect(422, /They have no columns at all/)
  await rowsOf(site, 'update project set presenter_version_id = null where id = $1', [id])
  await add(Object.fromEntries(Array.from({ length: 14 }, (_, n) => [`c${n}`, n])), { photo: 'x' })
  await save('later').expect(422, /They have c0, .* and others\./)
  await owner.http.get(editor).expect(200, /<option value="" selected>Choose a column<\/option>/)
  await save('photo').expect(302)
})

test('the picture column is guessed from the first task', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const editor = `/project/${shortName}/tasks/taskpresentereditor`
  await owner.http.get(editor).expect(200, /Once there are tasks you choose it from a menu/)
  const task = { project_id: id, info: { note: 'x', photo: 'https://x.example/1.JPG?size=2' } }
  await owner.http.post('/api/task').query({ api_key: owner.apiKey }).send(task).expect(200)
  await rowsOf(site, 'update project set presenter_version_id = null where id = $1', [id])
  await waitForReplica()
  await owner.http.get(editor).expect(200, /<option selected>photo<\/option>/)
})

test('publishing a second time, from an old page or at once, erases no answer', async () => {
  const draft = await draftProject(site, owner)
  const db = () => site.app.database.open({ writes: true })
  const asRead = await getProjectById(db(), draft.id)
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => publishProject(db(), owner, asRead)))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  await waitForReplica()
  const who = await externalContributor(site, draft)
  await who.newTask().expect(200)
  await who.submit(draft.taskIds[0] ?? 0).expect(200)
  await assert.rejects(publishProject(db(), owner, asRead), /published already/)
  assert.equal((await rowsOf(site, 'select 1 from task_run where project_id = $1', [draft.id])).length, 1)
})

test('what a form did is said once, on the next page that a person sees and not in what a script fetches', async () => {
  const { shortName } = await draftProject(site, owner)
  const base = `/project/${shortName}`
  const published = await owner.http.post(`${base}/publish`).expect(302)
  assert.match(
    String(published.headers['set-cookie']),
    /flash=[^;]+; Path=\/; Max-Age=60; SameSite=Lax; HttpOnly/,
  )
  await waitForReplica()
  const fetched = await owner.http.get(`${base}/tasks/`).set('Sec-Fetch-Dest', 'empty').expect(200)
  assert.ok(!fetched.text.includes('Your project is published'))
  const page = await owner.http.get(`${base}/tasks/`).expect(200, /Your project is published/)
  assert.ok(page.text.includes(`${site.url}${base}/</pre>`))
  assert.equal(page.headers['cache-control'], 'private, no-store')
  const again = await owner.http.get(`${base}/tasks/`).expect(200)
  assert.ok(!again.text.includes('Your project is published'))

  await owner.http.post(`${base}/update`).type('form').send({ name: shortName, description: 'x' }).expect(302)
  await owner.http.get(`${base}/tasks/`).expect(200, /Your settings are saved/)
})

test('a sentence to say once is no use forged or to a cache, and a shared page that says it is not shared', async () => {
  const forged = await supertest(site.url)
    .get('/about')
    .set('Cookie', 'flash=eyJuYW1lIjoieCJ9.AAAAAAAAAAAAAAAAAAAAAA')
  assert.match(String(forged.headers['cache-control']), /public/)
  const payload = Buffer.from(JSON.stringify({ name: 'settings-saved', values: {} })).toString('base64url')
  const flash = `flash=${site.app.sealer.sign('flash', payload)}`
  const page = await supertest(site.url)
    .get('/about')
    .set('Cookie', flash)
    .expect(200, /Your settings are saved/)
  assert.equal(page.headers['cache-control'], 'private, no-store')
  assert.match(String(page.headers['set-cookie']), /flash=; Path=\/; Max-Age=0/)
})

test('saving the question of a published project tells of the answers to the version before', async () => {
  const project = await publishedProject(site, owner, { tasks: 2, redundancy: 2 })
  const editor = `/project/${project.shortName}/tasks/taskpresentereditor`
  const before = await owner.http.get(editor).expect(200)
  assert.ok(!before.text.includes('version before'))
  const who = await externalContributor(site, project)
  await who.newTask().expect(200)
  await who.submit(project.taskIds[0] ?? 0).expect(200)
  await waitForReplica()
  await owner.http.get(editor).expect(200, /1 answer was given to the version before/)
  const form = { question: 'Is it?', choices: 'Yes\nNo', pictureColumn: 'n' }
  const saved = await owner.http.post(editor).type('form').send(form).expect(302)
  await owner.http
    .get(String(saved.headers['location']))
    .expect(200, /Your question is saved\. From now on people see it like this/)
})

test('the workbench’s first tab is its own list of steps, and the public page has a link of its own', async () => {
  const { shortName } = await draftProject(site, owner)
  const base = `/project/${shortName}/`
  const { text } = await owner.http.get(`${base}tasks/`).expect(200)
  assert.match(text, new RegExp(`<a href="${base}tasks/" aria-current="page">Overview</a>`))
  assert.match(text, new RegExp(`<a href="${base}">See the public page</a>`))
})

test('a project that nobody can answer yet says what is missing, and its owners where to mend it', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${shortName}/`
  const link = (page: string, words: string) => new RegExp(`<a href="${path}${page}">${words}</a>`)
  const shows = async (...patterns: RegExp[]) => {
    await waitForReplica()
    const { text } = await owner.http.get(path).expect(200)
    for (const pattern of patterns) assert.match(text, pattern)
  }
  await shows(/There are no tasks to answer yet/, link('tasks/import', 'Add tasks'))
  await rowsOf(site, 'update project set presenter_version_id = null where id = $1', [id])
  await shows(/no tasks yet, and no question/)

  const ready = await draftProject(site, owner)
  const readyPage = `/project/${ready.shortName}/`
  const { text } = await owner.http.get(readyPage).expect(200, /is not published yet/)
  assert.match(text, /">Start</)
  await rowsOf(site, 'update project set presenter_version_id = null where id = $1', [ready.id])
  await waitForReplica()
  const without = await owner.http.get(readyPage).expect(200, /the question that people answer about them/)
  assert.match(without.text, /taskpresentereditor">Write the question</)
  assert.ok(!without.text.includes('no tasks'))

  const open = await publishedProject(site, owner)
  await rowsOf(site, 'update project set presenter_version_id = null where id = $1', [open.id])
  await waitForReplica()
  const visited = await site.http.get(`/project/${open.shortName}/`).expect(200, /is still missing/)
  assert.ok(!visited.text.includes('taskpresentereditor'))
})

test('a picture of a task is a link on its page, never a picture from elsewhere', async () => {
  const { id, shortName } = await draftProject(site, owner, { tasks: 0 })
  const info = { picture: 'https://x.example/<1>.jpg', 'alt text': 'A <b>heron</b>', tags: ['a', 'b'] }
  const made = await owner.http
    .post('/api/task')
    .query({ api_key: owner.apiKey })
    .send({ project_id: id, info })
    .expect(200)
  await waitForReplica()
  const { id: taskId } = made.body as { id: number }
  const { text } = await owner.http.get(`/project/${shortName}/tasks/${taskId}`).expect(200)
  assert.match(
    text,
    /<a href="https:\/\/x\.example\/&lt;1&gt;\.jpg" rel="nofollow noopener noreferrer">https:/,
  )
  assert.match(text, /<dt>alt text<\/dt><dd>A &lt;b&gt;heron/)
  assert.match(text, /<dd>\[&quot;a&quot;,&quot;b&quot;\]<\/dd>/)
  assert.ok(!text.includes('<img'))
})
