import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import pg from 'pg'
import type { Test } from 'supertest'
import { assertRefused, bodyOf, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import {
  addOwner,
  externalContributor,
  keyContributor,
  publishedProject,
  rowsOf,
} from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { EMPTY_ZIP, pictureOf } from '../../support/pictures.ts'
import { waitForReplica } from '../../support/servers.ts'

const MB = 1024 * 1024

const site = await startTestApp(untilFileEnds(), {
  UPLOAD_EXTENSIONS: 'js css png jpg jpeg gif zip html svg',
  UPLOAD_MB_MAX: '1',
})
const admin = await site.user()
const owner = await site.user()
const coOwner = await site.user()
const stranger = await site.user()
const project = await publishedProject(site, owner)
await addOwner(site, project, coOwner)

const NOUNS: { path: string; fields: Record<string, string>; writer: TestUser; container: string }[] = [
  {
    path: 'announcement',
    fields: { title: 't', body: 'b', published: 'true' },
    writer: admin,
    container: `user_${admin.id}`,
  },
  ...[
    { path: 'blogpost', fields: { title: 't', body: 'b', published: 'true' } },
    { path: 'helpingmaterial', fields: {} },
    { path: 'page', fields: { slug: 's' } },
  ].map(({ path, fields }) => ({
    path,
    fields: { ...fields, project_id: String(project.id) },
    // Whoever of its owners writes: the files of a project stay together.
    writer: coOwner,
    container: `user_${owner.id}`,
  })),
]

function withFields(request: Test, fields: Record<string, string>): Test {
  for (const [name, value] of Object.entries(fields)) void request.field(name, value)
  return request
}

function uploaded(
  { path, fields, writer }: (typeof NOUNS)[number],
  file: { name: string; content: Buffer },
  more: Record<string, string> = {},
): Test {
  const request = withFields(by(writer, site.http.post(`/api/${path}`)), { ...fields, ...more })
  return request.attach('file', file.content, { filename: file.name })
}

const material = (file: { name: string; content: Buffer }, more: Record<string, string> = {}) => {
  const noun = NOUNS.find(({ path }) => path === 'helpingmaterial')
  assert.ok(noun)
  return uploaded(noun, file, more)
}

async function storedFiles(): Promise<string[]> {
  const entries = await readdir(site.app.config.folders.files, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

/** The path of a file in the address that an object tells. */
function pathOf(object: Body): string {
  const url = new URL(String(object['media_url']))
  assert.equal(url.origin, site.url)
  return url.pathname
}

const png = () => ({ name: 'bird.png', content: pictureOf('png', 100_000) })

async function assertServed(object: Body, content: Buffer): Promise<void> {
  const response = await site.http.get(pathOf(object)).buffer().responseType('blob').expect(200)
  assert.ok(content.equals(response.body as Buffer))
}

/** Asserts that nothing is left of what `work` sent. */
async function assertNothingKept(work: () => Promise<unknown>): Promise<void> {
  const uploads = async () => rowsOf(site, 'select id from upload order by id')
  const before = [await storedFiles(), await uploads()]
  await work()
  assert.deepEqual([await storedFiles(), await uploads()], before)
}

for (const noun of NOUNS) {
  const { path, writer, container } = noun

  test(`the file of a ${path} is kept byte for byte, changed, and goes with it`, async () => {
    const [first, second] = [png(), { name: 'Other Bird.JPG', content: pictureOf('jpeg') }]
    const made = await bodyOf(uploaded(noun, first, { info: '{"a": 1}' }))
    assert.equal(typeof made['id'], 'number')
    const info = made['info'] as Body
    assert.match(String(info['file_name']), /^[0-9a-f]{24}-bird\.png$/)
    assert.deepEqual(info, { a: 1, container, file_name: info['file_name'] })
    assert.equal(pathOf(made), `/uploads/${container}/${String(info['file_name'])}`)
    await assertServed(made, first.content)

    // A new info keeps the words that name the file.
    const address = `/api/${path}/${String(made['id'])}`
    const put = () => by(writer, site.http.put(address))
    const renamed = await bodyOf(put().send({ info: { b: 2 } }))
    assert.deepEqual(renamed['info'], { container, file_name: info['file_name'], b: 2 })
    assert.equal(renamed['media_url'], made['media_url'])

    // A form with a file changes the file alone.
    const changed = await bodyOf(
      put().field('title', 'new').field('slug', 'new').attach('file', second.content, second.name),
    )
    const { info: changedInfo, media_url: _, updated: __, ...rest } = changed
    const { info: ___, media_url: ____, updated: _____, ...same } = renamed
    assert.deepEqual(rest, same)
    assert.match(String((changedInfo as Body)['file_name']), /^[0-9a-f]{24}-Other_Bird\.jpg$/)
    assert.equal((changedInfo as Body)['b'], 2)
    await assertServed(changed, second.content)
    await site.http.get(pathOf(made)).expect(404)

    await waitForReplica()
    await by(writer, site.http.delete(address)).expect(204)
    await site.http.get(pathOf(changed)).expect(404)
    assert.deepEqual(await rowsOf(site, `select id from upload where object_id is null`), [])
  })

  test(`nothing is kept of a file for a ${path} that is refused`, async () => {
    const { fields } = noun
    const post = (who?: TestUser) => {
      const request = site.http.post(`/api/${path}`)
      return withFields(who ? by(who, request) : request, fields)
    }
    await assertNothingKept(async () => {
      const { content } = png()
      await assertRefused(post().attach('file', content, 'a.png'), [401, 'Unauthorized'])
      await assertRefused(post(stranger).attach('file', content, 'a.png'), [403, 'Forbidden'])
      const own = (name: string) => post(writer).attach('file', content, name)
      await assertRefused(own('a.exe'), [415, 'DBIntegrityError', /has to end in \.js, \.css, \.png/])
      await assertRefused(own('png'), [415, 'DBIntegrityError', /has to end in/])
      await assertRefused(post(writer).attach('other', content, 'a.png'), [415, 'AttributeError', /no file/])
      await assertRefused(post(writer), [415, 'AttributeError', /no file/])
      await assertRefused(own('a.png').field('info', '{no'), [415, 'ValueError', /info is not valid JSON/])
      await assertRefused(own('a.png').field('info', '[]'), [415, 'DataError', /info/])
      await assertRefused(own('a.png').field('info', '"\\u0000"'), [415, 'DataError'])
      await assertRefused(own('a.png').field('id', '1'), [400, 'BadRequest', /Reserved/])
      await assertRefused(own('a.png').field('colour', 'red'), [415, 'TypeError', /colour/])
      const large = post(writer).attach('file', randomBytes(2 * MB), 'a.png')
      await assertRefused(large, [413, 'RequestEntityTooLarge', /1 MB is the most/])
    })
  })
}

test('a refused file leaves the object with the one it has', async () => {
  const file = png()
  const made = await bodyOf(material(file))
  const put = () => site.http.put(`/api/helpingmaterial/${String(made['id'])}`)
  await assertNothingKept(async () => {
    await assertRefused(by(owner, put()).attach('file', file.content, 'a.exe'), [415, 'DBIntegrityError'])
    await assertRefused(by(stranger, put()).attach('file', file.content, 'a.png'), [403, 'Forbidden'])
    await assertRefused(put().attach('file', file.content, 'a.png'), [401, 'Unauthorized'])
    await assertRefused(by(owner, put()).attach('file', randomBytes(2 * MB), 'a.png'), [
      413,
      'RequestEntityTooLarge',
    ])
  })
  await assertServed(made, file.content)
})

test('who sends far too much is told so, also when they read the answer only after they have sent it all', async () => {
  // More than the buffers of a connection hold.
  const bytes = 40 * MB
  const part = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
  const { hostname, port } = new URL(site.url)
  const socket = connect(Number(port), hostname)
  await assertNothingKept(async () => {
    socket.write(
      `POST /api/helpingmaterial?api_key=${owner.apiKey} HTTP/1.1\r\nHost: ${hostname}\r\n` +
        `Content-Type: multipart/form-data; boundary=x\r\nContent-Length: ${part.length + bytes}\r\n\r\n${part}`,
    )
    await new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.write(Buffer.alloc(bytes), resolve)
    })
    const [answer] = (await once(socket, 'data')).map(String)
    socket.destroy()
    assert.ok(answer)
    assert.match(answer, /^HTTP\/1\.1 413 /)
    assert.match(answer, /"exception_cls":"RequestEntityTooLarge"/)
  })
})

test('a broken form is refused', async () => {
  await assertNothingKept(async () => {
    const broken = by(owner, site.http.post('/api/helpingmaterial'))
      .set('Content-Type', 'multipart/form-data; boundary=x')
      .send('--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nhalf')
    await assertRefused(broken, [415, 'DBIntegrityError', /broken off/])
    const unbound = by(owner, site.http.post('/api/helpingmaterial'))
      .set('Content-Type', 'multipart/form-data')
      .send('nothing')
    await assertRefused(unbound, [415, 'DBIntegrityError', /broken off/])
    const nul = material(png(), { media_url: 'a\0b' })
    await assertRefused(nul, [415, 'DataError', /cannot be stored/])
  })
})

test('a file name of any kind becomes a harmless one of its own', async () => {
  const names: [string, RegExp][] = [
    ['../../../../etc/passwd.png', /^[0-9a-f]{24}-passwd\.png$/],
    ['..\\..\\windows\\win.png', /^[0-9a-f]{24}-win\.png$/],
    ['..png', /^[0-9a-f]{24}\.png$/],
    ['.png', /^[0-9a-f]{24}\.png$/],
    [`${'x'.repeat(300)}.png`, /^[0-9a-f]{24}-x{60}\.png$/],
    ['Größe и птица 🐦.png', /^[0-9a-f]{24}-Grosse_i_ptitsa_bird\.png$/],
    ['птица.png', /^[0-9a-f]{24}-ptitsa\.png$/],
    ['a b;c"d\'e<f>&g.png', /^[0-9a-f]{24}-[a-g_0-9]+\.png$/],
    ['a.html.png', /^[0-9a-f]{24}-a_html\.png$/],
    ['-rf.png', /^[0-9a-f]{24}--rf\.png$/],
  ]
  for (const [name, expected] of names) {
    const content = pictureOf('png')
    const made = await bodyOf(material({ name, content }))
    assert.match(String((made['info'] as Body)['file_name']), expected, name)
    await assertServed(made, content)
  }
  await assertNothingKept(async () => {
    await assertRefused(material({ name: 'a.png\0.exe', content: Buffer.from('x') }), [
      415,
      'DBIntegrityError',
    ])
  })
})

test('two files of one name are two files', async () => {
  const [first, second] = [png(), png()]
  const one = await bodyOf(material(first))
  const two = await bodyOf(material(second))
  assert.notEqual(one['media_url'], two['media_url'])
  await assertServed(one, first.content)
  await assertServed(two, second.content)
})

test('an object that names the file of another does not take it along when it goes', async () => {
  const file = png()
  const made = await bodyOf(material(file))
  const copy = await bodyOf(
    by(owner, site.http.post('/api/helpingmaterial')).send({
      project_id: project.id,
      info: made['info'],
      media_url: made['media_url'],
    }),
  )
  assert.deepEqual(copy['info'], made['info'])
  await waitForReplica()
  await by(owner, site.http.delete(`/api/helpingmaterial/${String(copy['id'])}`)).expect(204)
  await assertServed(made, file.content)
})

test('a file is served so that nothing of it can run on the site', async () => {
  const script = Buffer.from('alert(document.domain)')
  const drawing = Buffer.from(
    `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>${String(script)}</script></svg>`,
  )
  const page = Buffer.from(`<!doctype html><script>${String(script)}</script>`)
  // A picture for who looks at its beginning, a page or script for who reads on.
  const both = (format: 'png' | 'jpeg' | 'gif') => Buffer.concat([pictureOf(format), page])
  const kinds: [string, Buffer, RegExp, string | undefined][] = [
    ['a.png', both('png'), /^image\/png$/, undefined],
    ['a.jpeg', both('jpeg'), /^image\/jpeg$/, undefined],
    ['a.gif', both('gif'), /^image\/gif$/, undefined],
    ['a.svg', drawing, /^image\/svg\+xml/, 'attachment'],
    ['b.svg', drawing.subarray(21), /^image\/svg\+xml/, 'attachment'],
    ['a.js', script, /^text\/javascript/, undefined],
    ['a.css', script, /^text\/css/, undefined],
    ['a.html', page, /^text\/html/, 'attachment'],
    ['a.zip', EMPTY_ZIP, /^application\/zip$/, 'attachment'],
  ]
  for (const [name, content, type, disposition] of kinds) {
    const made = await bodyOf(material({ name, content }))
    const { headers } = await site.http.get(pathOf(made)).expect(200)
    assert.match(headers['content-type'] ?? '', type, name)
    assert.equal(headers['content-disposition'], disposition, name)
    assert.equal(headers['content-security-policy'], "sandbox; default-src 'none'")
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['access-control-allow-origin'], '*')
    assert.equal(headers['cross-origin-resource-policy'], 'cross-origin')
    assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable')
    assert.equal(headers['set-cookie'], undefined)
    assert.equal(headers['content-length'], String(content.length))
  }
})

test('a file that is not what its name says is refused, and nothing of it is kept', async () => {
  const empty = Buffer.alloc(0)
  const page = Buffer.from('<!doctype html><script>alert(1)</script>')
  const broken = pictureOf('png').subarray(0, 30)
  const hostile: [string, Buffer, RegExp][] = [
    ['a.png', empty, /This file is empty/],
    ['a.js', empty, /This file is empty/],
    ['a.png', page, /called \.png, and holds something else/],
    ['a.png', pictureOf('gif'), /called \.png, and holds a \.gif/],
    ['a.png', EMPTY_ZIP, /holds a \.zip/],
    ['a.gif', Buffer.from('<?xml version="1.0"?><svg/>'), /holds a \.xml/],
    ['a.zip', pictureOf('jpeg'), /holds a \.jpg/],
    ['a.js', pictureOf('png'), /called \.js, and holds a \.png/],
    ['a.html', EMPTY_ZIP, /called \.html, and holds a \.zip/],
    ['a.png', broken, /This picture cannot be read: it is broken/],
    ['a.png', bombOf(20_000), /20000 × 20000 pixels, and 100 million are the most/],
  ]
  await assertNothingKept(async () => {
    for (const [name, content, message] of hostile)
      await assertRefused(material({ name, content }), [415, 'DBIntegrityError', message])
  })
})

/** A picture whose beginning promises so many pixels to a side; of the rest there is little. */
function bombOf(side: number): Buffer {
  const picture = Buffer.from(pictureOf('png'))
  picture.writeUInt32BE(side, 16)
  picture.writeUInt32BE(side, 20)
  picture.writeUInt32BE(crc32(picture.subarray(12, 29)), 29)
  return picture
}

test('a player gets the part that it asks for, and a new version whole', async () => {
  const file = png()
  const path = pathOf(await bodyOf(material(file)))
  const asked = (range: string, headers: Record<string, string> = {}) =>
    site.http
      .get(path)
      .set({ Range: range, ...headers })
      .buffer()
      .responseType('blob')
  const parts: [string, number, number][] = [
    ['bytes=10-19', 10, 20],
    ['bytes=99990-', 99_990, 100_000],
    ['bytes=-5', 99_995, 100_000],
    ['bytes=99999-200000', 99_999, 100_000],
  ]
  for (const [range, start, end] of parts) {
    const response = await asked(range).expect(206)
    assert.equal(response.headers['content-range'], `bytes ${start}-${end - 1}/100000`)
    assert.deepEqual(response.body, file.content.subarray(start, end), range)
  }
  const { headers } = await asked('bytes=0-0').expect(206)
  await asked('bytes=0-0', { 'If-Range': String(headers['etag']) }).expect(206)
  await asked('bytes=0-0', { 'If-Range': '"other"' }).expect(200)
  for (const strange of ['bytes=-', 'bytes=9-3', 'lines=1-2', 'bytes=0-1,4-5'])
    await asked(strange).expect(200)
})

test('the site’s own pages get no script or style of a file; presenters do', async () => {
  const path = pathOf(await bodyOf(material({ name: 'a.js', content: Buffer.from('run()') })))
  const asked = (from: string, purpose: string) =>
    site.http.get(path).set({ 'Sec-Fetch-Site': from, 'Sec-Fetch-Dest': purpose })
  for (const purpose of ['script', 'style', 'worker', 'serviceworker', 'iframe', 'object', 'embed'])
    await asked('same-origin', purpose).expect(404)
  for (const purpose of ['image', 'document', 'empty']) await asked('same-origin', purpose).expect(200)
  for (const from of ['cross-site', 'same-site', 'none']) await asked(from, 'script').expect(200)
  const { headers } = await asked('cross-site', 'script')
  assert.match(headers['vary'] ?? '', /Sec-Fetch-Site/)
})

test('an address of no file is not found; HEAD and a known copy cost no content', async () => {
  const path = pathOf(await bodyOf(material(png())))
  const strange = [
    '/uploads/',
    '/uploads/x',
    '/uploads/x/y.png',
    '/uploads/..%2f..%2fpackage.json',
    `${path}/`,
  ]
  for (const none of [...strange, '/uploads/user_1/../../exports/1.zip', '/uploads/user_1/.hidden'])
    await site.http.get(none).expect(404)
  const head = await site.http.head(path).expect(200).expect('Content-Length', '100000')
  assert.equal(head.text, undefined)
  await site.http
    .get(path)
    .set('If-None-Match', head.headers['etag'] ?? '')
    .expect(304)
  await site.http.post(path).expect(404)
})

test('a task run may bring a file', async () => {
  const answered = await publishedProject(site, owner, { tasks: 3 })
  const [known, unnamed, anonymous] = answered.taskIds
  const send = (taskId: number | undefined, fileName: string, content: Buffer) =>
    site.http
      .post('/api/taskrun')
      .field('project_id', String(answered.id))
      .field('task_id', String(taskId))
      .attach('file', content, { filename: fileName })

  const content = pictureOf('gif', 50_000)
  const drawn = pictureOf('png')
  const user = keyContributor(site, answered, stranger)
  await user.newTask({ limit: 2 }).expect(200)
  const info = JSON.stringify({ seen: 'bird' })
  const first = await bodyOf(by(stranger, send(known, 'song.gif', content)).field('info', info))
  const container = `user_${stranger.id}`
  assert.deepEqual({ ...(first['info'] as Body), file_name: '' }, { seen: 'bird', container, file_name: '' })
  await assertServed(first, content)
  await waitForReplica()
  const read = await bodyOf(site.http.get(`/api/taskrun/${String(first['id'])}`))
  assert.deepEqual([read['media_url'], read['info']], [first['media_url'], first['info']])

  // A canvas has no file name of its own; an answer that is no object stays what it is.
  const blob = await bodyOf(by(stranger, send(unnamed, 'blob', drawn)).field('info', '"word"'))
  assert.match(pathOf(blob), /\.png$/)
  assert.equal(blob['info'], 'word')

  const guest = await externalContributor(site, answered, 'guest')
  const task = await bodyOf(guest.newTask())
  assert.equal(task['id'], anonymous)
  const { text: token } = await site.http
    .get(`/api/auth/project/${answered.shortName}/token`)
    .set('Authorization', answered.secretKey)
  const repeated = async (bytes: Buffer) => {
    const request = send(anonymous, 'a.png', bytes).query({ external_uid: 'guest' })
    const response = await request
      .field('external_uid', 'guest')
      .set({ Authorization: `Bearer ${token}`, 'Idempotency-Key': 'once' })
      .expect(200)
    return response.body as Body
  }
  const once = await repeated(drawn)
  assert.match(pathOf(once), /^\/uploads\/anonymous\//)
  assert.deepEqual(Object.keys(once['info'] as Body).sort(), ['container', 'file_name'])
  await assertNothingKept(async () => {
    // Sent again, it is the first task run with its first file.
    assert.deepEqual(await repeated(pictureOf('png')), once)
    await assertRefused(by(stranger, send(known, 'a.png', drawn)), [403, 'Forbidden', /already/])
    await assertRefused(send(known, 'a.png', drawn), [403, 'Forbidden'])
    await assertRefused(by(stranger, send(known, 'a.exe', content)), [415, 'DBIntegrityError'])
  })
  await assertServed(once, drawn)
})

test('a task run and its file are stored together or not at all', async (t) => {
  const answered = await publishedProject(site, owner, { tasks: 2 })
  const user = keyContributor(site, answered, stranger)
  await user.newTask({ limit: 2 }).expect(200)
  const direct = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] ?? '' })
  await direct.connect()
  t.after(() => direct.end())
  for (const [n, query] of [{}, { next: 1 }].entries()) {
    const content = pictureOf('gif')
    const send = () =>
      by(stranger, site.http.post('/api/taskrun'))
        .query(query)
        .field('project_id', String(answered.id))
        .field('task_id', String(answered.taskIds[n]))
        .attach('file', content, { filename: 'song.gif' })
    await direct.query('alter table upload add constraint broken check (noun is null) not valid')
    await assertNothingKept(() => send().expect(500))
    await direct.query('alter table upload drop constraint broken')
    assert.equal((await bodyOf(site.http.get(`/api/taskrun?task_id=${answered.taskIds[n]}`))).length, 0)
    await assertServed(await bodyOf(send()), content)
  }
})

test('a file without a content type is a file, as PyBossa’s Python client sends it', async () => {
  const parts = [
    `--x\r\nContent-Disposition: form-data; name="project_id"\r\n\r\n${project.id}`,
    '--x\r\nContent-Disposition: form-data; name="file"; filename="a.js"\r\n\r\nwords of a script',
    '--x--\r\n',
  ]
  const sent = by(owner, site.http.post('/api/helpingmaterial'))
    .set('Content-Type', 'multipart/form-data; boundary=x')
    .send(parts.join('\r\n'))
  const { media_url: url } = await bodyOf(sent)
  const response = await site.http.get(new URL(String(url)).pathname).expect(200)
  assert.equal(response.text, 'words of a script')
})
