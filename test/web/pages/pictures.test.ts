import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import sharp from 'sharp'
import { jobs } from '../../../jobs/index.ts'
import { drawPicture } from '../../../src/domain/pictures/picture-service.ts'
import { startJobs } from '../../../src/platform/job-runner.ts'
import { startLoop } from '../../../src/platform/loop.ts'
import type { Tx } from '../../../src/platform/postgres.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { eventually } from '../../support/jobs.ts'
import { EMPTY_ZIP, pictureOf } from '../../support/pictures.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()

/** A worker, until the test ends. */
function work(t: TestContext): void {
  const relay = startLoop('relay', 50, () => site.app.queue.sweep().then(() => false), site.app.log)
  const runner = startJobs(site.app, jobs)
  t.after(async () => {
    await relay.stop()
    await runner.stop(5_000)
  })
}

const send = (who: TestUser, path: string, content: Buffer, name = 'a.jpg') =>
  who.http.post(path).attach('file', content, name)

/** The picture that a page shows, with what its browser is told of it. */
function shown(html: string) {
  const [tag = ''] = /<img class="(?:own-picture|card-picture)"[^>]*>/.exec(html) ?? []
  const attribute = (name: string) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? ''
  return {
    src: attribute('src'),
    srcset: attribute('srcset'),
    width: attribute('width'),
    height: attribute('height'),
  }
}

async function untilShown(path: string, who: TestUser) {
  return eventually(async () => {
    const found = shown((await who.http.get(path).expect(200)).text)
    return found.src === '' ? undefined : found
  }, 20_000)
}

const sizeOf = async (url: string) => {
  const response = await site.http.get(new URL(url).pathname).buffer().responseType('blob').expect(200)
  const { width, height, format, exif, orientation } = await sharp(response.body as Buffer).metadata()
  return { width, height, format, exif, orientation, type: response.headers['content-type'] as string }
}

const webp = { format: 'webp', exif: undefined, orientation: undefined, type: 'image/webp' }

test('a picture of a project is drawn in two sizes, shown wherever it is listed, and goes with all that was drawn', async (t) => {
  work(t)
  const project = await publishedProject(site, owner)
  const path = `/project/${project.shortName}/picture`
  const original = await sharp({ create: { width: 900, height: 900, channels: 3, background: 'teal' } })
    .withExif({ IFD0: { Artist: 'Somebody' } })
    .jpeg()
    .toBuffer()
  await send(owner, path, original, 'Große Aussicht.JPG').expect(302).expect('Location', path)
  const picture = await untilShown(path, owner)
  assert.match(picture.src, /\/uploads\/user_\d+\/[0-9a-f]{24}-Grosse_Aussicht\.640x360\.webp$/)
  assert.deepEqual([picture.width, picture.height], ['640', '360'])
  const [, large = ''] = /, (\S+\.1280x720\.webp) 2x$/.exec(picture.srcset) ?? []
  assert.deepEqual(await sizeOf(picture.src), { width: 640, height: 360, ...webp })
  assert.deepEqual(await sizeOf(large), { width: 1_280, height: 720, ...webp })
  const list = await site.http.get('/project/').expect(200)
  assert.deepEqual(shown(list.text), picture)
  const listed = await site.http.get(`/api/project?short_name=${project.shortName}`)
  const [{ info }] = listed.body as [{ info: Record<string, string> }]
  assert.equal(info['thumbnail_url'], picture.src)
  assert.ok(picture.src.endsWith(`/uploads/${info['container']}/${info['thumbnail']}`))

  await send(owner, path, pictureOf('gif'), 'b.gif').expect(302)
  for (const url of [picture.src, large]) await site.http.get(new URL(url).pathname).expect(404)
  const second = await untilShown(path, owner)
  assert.notEqual(second.src, picture.src)

  await owner.http.post(path).field('remove', 'on').expect(302)
  await waitForReplica()
  assert.equal(shown((await owner.http.get(path)).text).src, '')
  await site.http.get(new URL(second.src).pathname).expect(404)
  assert.deepEqual(await rowsOf(site, 'select id from upload'), [])
})

test('a person’s picture is cut to a square, turned as the camera was held', async (t) => {
  work(t)
  const sideways = await sharp({ create: { width: 300, height: 200, channels: 3, background: 'tan' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer()
  await send(owner, '/account/picture', sideways).expect(302).expect('Location', '/account/picture')
  const picture = await untilShown('/account/picture', owner)
  assert.deepEqual(await sizeOf(picture.src), { width: 96, height: 96, ...webp })
  await owner.http.post('/account/picture').field('remove', 'on').expect(302)
  await waitForReplica()
  assert.equal(shown((await owner.http.get('/account/picture')).text).src, '')
})

test('what is no picture is refused beside its field, and others change nothing', async () => {
  const project = await publishedProject(site, owner)
  const path = `/project/${project.shortName}/picture`
  const refusals: [Buffer, string, RegExp][] = [
    [EMPTY_ZIP, 'a.zip', /Choose a picture: a PNG, JPEG, GIF or WebP/],
    [EMPTY_ZIP, 'a.png', /called \.png, and holds a \.zip/],
    [Buffer.alloc(0), 'a.png', /This file is empty/],
  ]
  for (const to of [path, '/account/picture']) {
    for (const [content, name, message] of refusals)
      assert.match((await send(owner, to, content, name).expect(422)).text, message)
    assert.match((await owner.http.post(to).field('other', 'x').expect(422)).text, /Choose a picture\./)
  }
  const stranger = await site.user()
  await send(stranger, path, pictureOf('png'), 'a.png').expect(403)
  await send({ ...stranger, http: site.http }, '/account/picture', pictureOf('png'), 'a.png').expect(401)
  assert.deepEqual(await rowsOf(site, 'select * from upload'), [])
})

test('a picture that breaks off is given up, and one that was replaced meanwhile leaves nothing', async () => {
  const project = await publishedProject(site, owner)
  const path = `/project/${project.shortName}/picture`
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
  const size = { width: 300, height: 300, channels: 3 } as const
  const whole = await sharp({ create: { ...size, background: 'white', noise } })
    .png()
    .toBuffer()
  const half = whole.subarray(0, whole.length / 2)
  await send(owner, path, half, 'a.png').expect(302)
  const [row] = await rowsOf<{ id: number }>(site, 'select id from upload order by id desc limit 1')
  const run = {
    openDb: () => site.app.database.open({ writes: true }),
    commit: () => Promise.reject(new Error('not reached')),
  }
  await assert.rejects(
    drawPicture(site.app, run, Number(row?.id)),
    /This picture cannot be drawn: it is broken/,
  )
  await send(owner, path, pictureOf('png'), 'b.png').expect(302)
  await drawPicture(site.app, run, Number(row?.id))

  const [second] = await rowsOf<{ id: number; file_name: string }>(
    site,
    'select id, file_name from upload order by id desc limit 1',
  )
  const late = {
    openDb: run.openDb,
    async commit<T>(effect: Parameters<Parameters<typeof drawPicture>[1]['commit']>[0]): Promise<T> {
      await owner.http.post(path).field('remove', 'on').expect(302)
      return (await run.openDb().write(effect)) as T
    },
  }
  await drawPicture(site.app, late, Number(second?.id))
  const key = `uploads/user_${owner.id}/${String(second?.file_name).replace('.png', '.640x360.webp')}`
  assert.equal(await site.app.files.size(key), undefined)
})

/** A picture of 400 by 300 pixels, turned by its camera: red on its left half and blue on its right one. */
async function twoColours(): Promise<Buffer> {
  const half = (background: string) => sharp({ create: { width: 200, height: 300, channels: 3, background } })
  const right = await half('blue').png().toBuffer()
  return half('red')
    .extend({ right: 200, background: 'red' })
    .composite([{ input: right, left: 200, top: 0 }])
    .png()
    .toBuffer()
}

async function coloursOf(url: string): Promise<string> {
  const response = await site.http.get(new URL(url).pathname).responseType('blob').expect(200)
  const { channels } = await sharp(response.body as Buffer).stats()
  return channels
    .slice(0, 3)
    .map(({ mean }) => (mean > 200 ? '1' : mean < 50 ? '0' : 'x'))
    .join('')
}

test('its owner chooses which part of a picture is shown, at an address of its own', async (t) => {
  work(t)
  const project = await publishedProject(site, owner)
  const path = `/project/${project.shortName}/picture`
  const cut = (form: Record<string, string>, who = owner, to = path) =>
    who.http.post(`${to}/cut`).type('form').send(form)
  await cut({ size: '50', across: '0', down: '0' }).expect(404)
  await send(owner, path, await twoColours(), 'a.png').expect(302)
  const first = await untilShown(path, owner)
  const page = await owner.http.get(path).expect(200)
  assert.match(page.text, /<h2>Choose what is shown<\/h2>.*data-width="640" data-height="360"/s)
  assert.match(page.text, /name="size" type="range" min="10" max="100" value="100"/)

  const untilOther = (than: string) =>
    eventually(async () => {
      const { src } = shown((await owner.http.get(path).expect(200)).text)
      return src === than || src === '' ? undefined : src
    }, 20_000)
  await cut({ size: '40', across: '0', down: '100' }).expect(302).expect('Location', path)
  const red = await untilOther(first.src)
  assert.equal(await coloursOf(red), '100')
  await site.http.get(new URL(first.src).pathname).expect(404)
  await cut({ size: '40', across: '100', down: '0' }).expect(302)
  const blue = await untilOther(red)
  assert.equal(await coloursOf(blue), '001')
  const chosen = await owner.http.get(path).expect(200)
  for (const [name, value] of [
    ['size', 40],
    ['across', 100],
    ['down', 0],
  ])
    assert.match(chosen.text, new RegExp(`name="${name}" type="range" min="\\d+" max="100" value="${value}"`))

  for (const [name, value] of [
    ['size', '9'],
    ['across', 'x'],
    ['down', '101'],
    ['down', ''],
  ] as const)
    await cut({ size: '40', across: '1', down: '1', [name]: value }).expect(400, new RegExp(name))
  const stranger = await site.user()
  await cut({ size: '40', across: '1', down: '1' }, stranger).expect(403)
  await cut({ size: '40', across: '1', down: '1' }, stranger, '/account/picture').expect(404)
  await rowsOf(site, `delete from upload where noun = 'project'`)
})

test('a person’s picture is shown beside their name, and not where they want privacy', async (t) => {
  work(t)
  const person = await site.user()
  const project = await publishedProject(site, person)
  await rowsOf(site, 'update user_account set privacy_mode = false where id = $1', [person.id])
  await send(person, '/account/picture', await twoColours(), 'me.png').expect(302)
  const first = await untilShown('/account/picture', person)
  await person.http
    .post('/account/picture/cut')
    .type('form')
    .send({ size: '20', across: '0', down: '50' })
    .expect(302)
  const { src } = await eventually(async () => {
    const now = await untilShown('/account/picture', person)
    return now.src === first.src ? undefined : now
  }, 20_000)
  assert.equal(await coloursOf(src), '100')
  await rowsOf(
    site,
    `insert into leader (period, rank, user_id, n_runs) select p, 1, $1, 5 from unnest('{all,day}'::text[]) p`,
    [person.id],
  )
  await waitForReplica()
  for (const page of ['/account/profile', `/project/${project.shortName}/`, '/leaderboard/']) {
    const { text } = await person.http.get(page).expect(200)
    assert.ok(text.includes(`<img class="avatar" src="${src}"`), page)
  }
  await rowsOf(site, 'update user_account set privacy_mode = true where id = $1', [person.id])
  await waitForReplica()
  const { text } = await person.http.get('/leaderboard/?period=day').expect(200)
  assert.ok(!text.includes('class="avatar"'))
})

test('helping materials are listed by what was drawn of them', async (t) => {
  work(t)
  const project = await publishedProject(site, owner)
  const path = `/project/${project.shortName}/tasks/helpingmaterials`
  await owner.http
    .post(path)
    .field('description', 'A robin')
    .attach('file', await twoColours(), 'robin.png')
  await waitForReplica()
  const thumbnail = await eventually(async () => {
    const { text } = await owner.http.get(path).expect(200)
    return /<img src="([^"]*\.120x90\.webp)" srcset="[^"]*" width="120" height="90" alt="A robin"/.exec(
      text,
    )?.[1]
  }, 20_000)
  assert.deepEqual(await sizeOf(thumbnail), { width: 120, height: 90, ...webp })
})

test('what is to be drawn for an account or a project that is gone ends without a trace', async () => {
  const person = await site.user()
  const project = await publishedProject(site, person)
  await send(person, '/account/picture', pictureOf('png'), 'a.png').expect(302)
  await send(person, `/project/${project.shortName}/picture`, pictureOf('png'), 'b.png').expect(302)
  const pending = await rowsOf<{ id: number; noun: string; container: string; file_name: string }>(
    site,
    `select id, noun, container, file_name from upload where container = $1 order by id`,
    [`user_${person.id}`],
  )
  assert.equal(pending.length, 2)
  const openDb = () => site.app.database.open({ writes: true })
  const run = { openDb, commit: <T>(effect: (tx: Tx) => Promise<T>) => openDb().write(effect) }
  await rowsOf(site, `update upload set noun = null, object_id = null where noun = 'user_account'`)
  await rowsOf(site, 'delete from project where id = $1', [project.id])
  for (const { id } of pending) await drawPicture(site.app, run, id)
  const [avatar] = await rowsOf<{ avatar_url: string | null }>(
    site,
    'select avatar_url from user_account where id = $1',
    [person.id],
  )
  assert.equal(avatar?.avatar_url, null)
  // The files went before the job came to its turn.
  for (const { container, file_name: name } of pending)
    await site.app.files.remove(`uploads/${container}/${name}`)
  await rowsOf(site, 'delete from upload where id = any($1)', [pending.map(({ id }) => id)])
  for (const { id } of pending) await drawPicture(site.app, run, id)
})
