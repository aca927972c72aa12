import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sealTicket } from '../../../src/web/presenter/presenter-ticket.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()

const editorOf = (shortName: string) => `/project/${shortName}/tasks/taskpresentereditor`
const post = (user: TestUser, path: string, values: object) => user.http.post(path).type('form').send(values)

/** What the form of the editor would send. */
function formIn(html: string): { revision: string; base: string } {
  const value = (name: string) => new RegExp(`name="${name}" value="(\\d*)"`).exec(html)?.[1] ?? 'none'
  return { revision: value('revision'), base: value('base') }
}

async function editor(
  shortName: string,
): Promise<{ html: string; form: { revision: string; base: string } }> {
  await waitForReplica()
  const { text: html } = await owner.http.get(`${editorOf(shortName)}/code`).expect(200)
  return { html, form: formIn(html) }
}

test('a new presenter begins with a small example of the project’s own, which breaks no rule', async () => {
  const { shortName } = await draftProject(site, owner)
  const { html } = await editor(shortName)
  assert.match(html, /Here is a small example/)
  assert.match(html, new RegExp(`pybossa\\.run\\(&quot;${shortName}&quot;\\)`))
  assert.match(html, /task\.info\[&quot;n&quot;\]/)
  assert.doesNotMatch(html, /data-line=/)
})

test('without script an owner saves a draft, publishes it, and sees the versions and what differs', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = editorOf(shortName)
  const code = `<p>One\r\n<script>\r\npybossa.run('other')\r\n</script>`
  const first = await editor(shortName)
  await post(owner, `${path}/code`, { ...first.form, code, tutorial: '', step: 'save' }).expect(302)
  const saved = await editor(shortName)
  assert.match(saved.html, /Draft saved .* UTC/)
  assert.match(saved.html, /names another project, “other”/)
  assert.match(saved.html, /data-line="3"/)
  assert.equal(saved.form.revision, '1')

  const values = { ...saved.form, code: '<p>Two', tutorial: '<h2>How', note: 'My <b>first</b>' }
  const published = await post(owner, `${path}/code`, { ...values, step: 'publish' }).expect(302)
  assert.equal(published.headers['location'], `${path}/versions`)
  await waitForReplica()
  const list = await owner.http.get(`${path}/versions`).expect(200)
  assert.match(list.text, /My &lt;b&gt;first&lt;\/b&gt;/)
  assert.match(list.text, new RegExp(owner.fullName))
  const ids = [...list.text.matchAll(/versions\/(\d+)"/g)].map(([, id]) => id)
  const compared = await owner.http.get(`${path}/versions/compare?from=${ids[1]}&to=${ids[0]}`).expect(200)
  assert.match(compared.text, /<del>- {3}&quot;template&quot;: &quot;image-classification&quot;,<\/del>/)
  assert.match(compared.text, /<ins>\+ &lt;p&gt;Two<\/ins>/)
  await owner.http.get(`${path}/versions/${ids[0]}`).expect(200, /&lt;p&gt;Two/)

  await owner.http.post(`${path}/versions/${ids[1]}/restore`).expect(302)
  await waitForReplica()
  await owner.http.get(`${path}/versions`).expect(200, new RegExp(`As version ${ids[1]}`))
})

test('what was typed is kept when somebody else has published meanwhile, and pressing again replaces it', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = `${editorOf(shortName)}/code`
  const { form } = await editor(shortName)
  await post(owner, path, { ...form, code: '<p>mine', step: 'publish' }).expect(302)
  const refused = await post(owner, path, { ...form, code: '<p>late', step: 'publish' }).expect(409)
  assert.match(refused.text, /was published since your text began/)
  assert.match(refused.text, /&lt;p&gt;late/)
  await post(owner, path, { ...formIn(refused.text), code: '<p>late', step: 'publish' }).expect(302)
})

test('the page’s script is told of another window’s draft instead of overwriting it', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = `${editorOf(shortName)}/code/draft`
  const { form } = await editor(shortName)
  const send = (revision: string, code: string) =>
    owner.http.post(path).send({ base: form.base, revision, code, tutorial: '' })
  const { body: saved } = (await send('0', '<p id="a"><p id="a">').expect(200)) as {
    body: { revision: number; warnings: { rule: string; part: string }[] }
  }
  assert.equal(saved.revision, 1)
  assert.ok(saved.warnings.some(({ rule, part }) => rule === 'same-id' && part === 'presenter'))
  const { body: refused } = (await send('0', '<p>other').expect(409)) as {
    body: { draft: { code: string; revision: number } }
  }
  assert.deepEqual([refused.draft.code, refused.draft.revision], ['<p id="a"><p id="a">', 1])
  await send('1', '<p>other').expect(200)
})

test('code that is too long, or holds a NUL, is refused with a sentence', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = editorOf(shortName)
  const { form } = await editor(shortName)
  const long = await post(owner, `${path}/code`, { ...form, code: '<p>'.repeat(1_700_000) }).expect(422)
  assert.match(long.text, /The code has 5,100,000 characters: 2,000,000 are the most/)
  const draft = owner.http.post(`${path}/code/draft`).send({ ...form, code: 'x'.repeat(5_000_000) })
  const { body: refused } = (await draft.expect(400)) as { body: { description: string } }
  assert.match(refused.description, /2,000,000 are the most/)
  const nul = owner.http.post(`${path}/code/draft`).send({ ...form, code: 'a\0b' })
  const { body: unstorable } = (await nul.expect(400)) as { body: { description: string } }
  assert.match(unstorable.description, /character that cannot be stored/)
  const huge = owner.http.post(`${path}/code/draft`).send({ ...form, code: 'x'.repeat(21 * 1024 * 1024) })
  const { body: tooLarge } = (await huge.expect(413)) as { body: { description: string } }
  assert.match(tooLarge.description, /20 MB is the most/)
})

test('a preview shows the draft with the task that was asked for, to owners only', async () => {
  const { shortName, taskIds, id: projectId } = await draftProject(site, owner, { tasks: 7 })
  const path = `${editorOf(shortName)}/code`
  const [first = 0, second = 0, third = 0] = taskIds
  await post(owner, `${path}/start`, { code: '<p id="mine">', tutorial: '<p id="how">' }).expect(302)
  const preview = async (query: string) => {
    const { body } = (await owner.http.get(`${path}/preview?${query}`).expect(200)) as {
      body: { frame: { url: string }; tasks: { id: number; info: unknown }[] }
    }
    return { ids: body.tasks.map(({ id }) => id), url: new URL(body.frame.url) }
  }
  assert.deepEqual((await preview('task=')).ids, taskIds.slice(0, 5))
  assert.deepEqual((await preview(`task=${second}`)).ids[0], second)
  assert.deepEqual((await preview(`task=${second}&step=next`)).ids[0], third)
  assert.deepEqual((await preview(`task=${second}&step=previous`)).ids[0], first)
  await owner.http.get(`${path}/preview?task=${first}&step=previous`).expect(404)
  const { taskIds: others } = await draftProject(site, owner)
  await owner.http.get(`${path}/preview?task=${others[0]}`).expect(404)
  await stranger.http.get(`${path}/preview?task=${first}`).expect(403)

  const document = async (query: string) => {
    const { url } = await preview(query)
    return site.http.get(`${url.pathname}${url.search}`).set('Host', url.host)
  }
  assert.match((await document('')).text, /<p id="mine">/)
  assert.match((await document('part=tutorial')).text, /<p id="how">/)
  const { url } = await preview('')
  const [draft] = await rowsOf<{ id: number }>(site, 'select id from presenter_draft where project_id = $1', [
    projectId,
  ])
  const { id: otherId } = await draftProject(site, owner)
  const shown = { codeDraft: draft?.id ?? 0, part: 'presenter' } as const
  const ticket = { project: otherId, shown, site: site.url, locale: 'en', permissions: [] }
  const foreign = await sealTicket(site.app, ticket)
  const otherHost = url.host.replace(String(projectId), String(otherId))
  await site.http
    .get(`/?ticket=${foreign}`)
    .set('Host', otherHost)
    .expect(404, /presenter is gone/)
  await rowsOf(site, 'delete from presenter_draft where project_id = $1', [projectId])
  await site.http
    .get(`${url.pathname}${url.search}`)
    .set('Host', url.host)
    .expect(404, /presenter is gone/)
})

test('code from elsewhere begins a draft, which is discarded only as it was seen', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = `${editorOf(shortName)}/code`
  await post(owner, `${path}/start`, { code: '<p>from a template' }).expect(302)
  await post(owner, `${path}/start`, { code: '<p>other' }).expect(409)
  const { html, form } = await editor(shortName)
  assert.match(html, /&lt;p&gt;from a template/)
  await post(owner, `${path}/discard`, { revision: '7' }).expect(409, /changed in another window/)
  await post(owner, `${path}/discard`, { revision: form.revision }).expect(302)
  assert.match((await editor(shortName)).html, /Here is a small example/)
})

test('a draft that began before another owner’s version says so', async () => {
  const { shortName } = await publishedProject(site, owner)
  const path = editorOf(shortName)
  const { form } = await editor(shortName)
  await post(owner, `${path}/code/start`, { code: '<p>draft' }).expect(302)
  await owner.http.post(`${path}/versions/${form.base}/restore`).expect(302)
  assert.match((await editor(shortName)).html, /Version \d+ was published since this draft began/)
  await owner.http.get(`${path}/versions/compare?from=${form.base}&to=draft`).expect(200, /Your draft/)
})

test('the code of a ready template goes on in the editor as it is', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = editorOf(shortName)
  const settings = {
    template: 'image-classification',
    question: 'A "bird"?',
    choices: 'Yes\nNo',
    pictureColumn: 'n',
  }
  const { text: page } = await post(owner, `${path}/template-code`, settings).expect(200)
  const [, escaped = ''] = /name="code" value="([^"]*)"/.exec(page) ?? []
  const code = escaped
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
  await post(owner, `${path}/code/start`, { code: code.replace(/&amp;/g, '&'), tutorial: '' }).expect(302)
  const { html } = await editor(shortName)
  assert.match(code, /manyhands\.tool/)
  assert.ok(html.includes(escaped.slice(0, 500)))
})

test('others than owners see and change nothing', async () => {
  const { shortName } = await publishedProject(site, owner)
  const path = editorOf(shortName)
  const { form } = await editor(shortName)
  for (const page of [
    'code',
    'versions',
    `versions/${form.base}`,
    `versions/compare?from=${form.base}&to=draft`,
  ])
    await stranger.http.get(`${path}/${page}`).expect(403)
  for (const action of ['code', 'code/draft', 'code/start', 'code/discard', `versions/${form.base}/restore`])
    await post(stranger, `${path}/${action}`, { code: '<p>' }).expect(403)
  await site.http.get(`${path}/code`).expect(302)
  await owner.http.get(`${path}/versions/compare?from=${form.base}&to=draft`).expect(404)
  await owner.http.get(`${path}/versions/999999`).expect(404)
})
