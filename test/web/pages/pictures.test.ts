import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import sharp from 'sharp'
import { jobs } from '../../../jobs/index.ts'
import { drawPicture } from '../../../src/domain/pictures/picture-service.ts'
import { startJobs } from '../../../src/platform/job-runner.ts'
import { startLoop } from '../../../src/platform/loop.ts'
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
