import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Test } from 'supertest'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { startS3 } from '../support/s3.ts'
import { waitForReplica } from '../support/servers.ts'
import { begin, goOn, sendWhole, spoken } from '../support/tus.ts'

const ending = untilFileEnds()
const MB = 1024 * 1024
const limits = { UPLOAD_MB_MAX: '16', UPLOAD_RESUMABLE_MB_MAX: '20', UPLOAD_EXTENSIONS: 'bin' }
const s3 = await startS3(ending)
const forms = {
  folder: await startTestApp(ending, limits),
  ...(s3 && { bucket: await startTestApp(ending, { ...limits, ...s3.env(await s3.bucket('resumable')) }) }),
}

const isGone = async (request: Test) => {
  assert.ok([404, 410].includes((await request).status))
}

async function addMaterial(site: TestApp, owner: TestUser, fields: Record<string, string>) {
  const project = await publishedProject(site, owner)
  const request = owner.http.post(`/project/${project.shortName}/tasks/helpingmaterials`)
  for (const [name, value] of Object.entries(fields)) void request.field(name, value)
  const sent = await request
  await waitForReplica()
  const listed = await site.http.get(`/api/helpingmaterial?project_id=${project.id}`)
  return {
    sent,
    urls: (listed.body as { media_url: string }[]).map(({ media_url: url }) => new URL(url).pathname),
  }
}

for (const [form, site] of Object.entries(forms)) {
  test(`${form}: a file that broke off goes on, and then belongs to the form that names it`, async () => {
    const owner = await site.user()
    const content = Buffer.concat([Buffer.from('words'), randomBytes(8 * MB)])
    const { headers } = await begin(owner, content.length).expect(201)
    const address = String(headers['location'])
    assert.match(address, new RegExp(`^/resumable/${owner.id}-[0-9a-f]{32}$`))
    await goOn(owner, address, 0, content.subarray(0, 6 * MB)).expect(204)
    const offset = Number((await spoken(owner.http.head(address)).expect(200)).headers['upload-offset'])
    assert.equal(offset, 6 * MB)
    await goOn(owner, address, 1, content).expect(409)
    const id = address.replace('/resumable/', '')
    const early = await addMaterial(site, owner, { file_resumable: id })
    assert.match(early.sent.text, /This file did not come whole/)
    await goOn(owner, address, offset, content.subarray(offset)).expect(204)

    const refused = await addMaterial(site, owner, { file_resumable: id, description: 'x'.repeat(400) })
    assert.match(
      refused.sent.text,
      new RegExp(`name="file_resumable" value="${id}"`),
      'it waits for the next try',
    )
    const { sent, urls } = await addMaterial(site, owner, { file_resumable: id, description: 'Large' })
    assert.equal(sent.status, 302)
    const [path = ''] = urls
    assert.match(path, /-grosse_Datei\.bin$/)
    const served = await site.http.get(path).buffer().responseType('blob').expect(200)
    assert.deepEqual(served.body, content)
    await isGone(spoken(owner.http.head(address)))
    const again = await addMaterial(site, owner, { file_resumable: id })
    assert.match(again.sent.text, /This file did not come whole/)
  })

  test(`${form}: nobody else goes on with an upload, reads, removes or uses it`, async () => {
    const [owner, other] = [await site.user(), await site.user()]
    const id = await sendWhole(owner, randomBytes(1_000))
    const address = `/resumable/${id}`
    for (const stranger of [other, site]) {
      const status = stranger === other ? 404 : 401
      await goOn(stranger, address, 0, randomBytes(10)).expect(status)
      assert.notEqual((await spoken(stranger.http.head(address))).status, 200)
    }
    await begin(site, 10).expect(401)
    await owner.http.get(address).expect(404)
    await spoken(owner.http.post('/resumable'))
      .set({ 'Upload-Length': '1', 'Sec-Fetch-Site': 'cross-site' })
      .expect(403)
    const { sent, urls } = await addMaterial(site, other, { file_resumable: id })
    assert.match(sent.text, /This file did not come whole/)
    assert.deepEqual(urls, [])
    await goOn(other, `/resumable?/${id}`, 0, randomBytes(10)).expect(404)
    for (const strange of [`${owner.id}-`, `${owner.id}-..%2f..%2fx`, `${id}.json`, `${id}/x`])
      assert.equal((await spoken(owner.http.head(`/resumable/${strange}`))).status, 404, strange)
    await spoken(owner.http.delete(address)).expect(404)
    await spoken(owner.http.head(address)).expect(200)
  })

  test(`${form}: a file above the limits is refused, by the protocol or by its form`, async () => {
    const owner = await site.user()
    await begin(owner, 21 * MB).expect(413)
    const id = await sendWhole(owner, Buffer.alloc(17 * MB))
    const { sent, urls } = await addMaterial(site, owner, { file_resumable: id })
    assert.match(sent.text, /This file is too large: 16 MB is the most/)
    assert.deepEqual(urls, [])
    await spoken(site.http.options('/resumable'))
      .expect(204)
      .expect('Tus-Max-Size', String(20 * MB))
  })

  test(`${form}: what waits for a form is bounded for each person, in files and in bytes`, async () => {
    const [owner, other] = [await site.user(), await site.user()]
    const full = /Too many files of yours are on their way/
    const whole = await sendWhole(owner, randomBytes(10))
    // Three of the largest are as much as somebody may have on their way.
    const large = 20 * MB
    for (let n = 0; n < 2; n += 1) await begin(owner, large).expect(201)
    await begin(owner, large).expect(429, full)
    for (let n = 3; n < 20; n += 1) await begin(owner, 1).expect(201)
    await begin(owner, 1).expect(429, full)
    await begin(other, 1).expect(201)
    const { sent } = await addMaterial(site, owner, { file_resumable: whole })
    assert.equal(sent.status, 302)
    await begin(owner, 1).expect(201)
    await begin(owner, 1).expect(429, full)
  })

  test(`${form}: what no form took is removed when it is old`, async () => {
    const owner = await site.user()
    const whole = await sendWhole(owner, randomBytes(10))
    const { headers } = await begin(owner, 10).expect(201)
    const db = site.app.database.open({ writes: true })
    assert.equal(await site.app.resumable.removeOld(db, 60_000), 0)
    assert.ok((await site.app.resumable.removeOld(db, -60_000)) >= 2)
    assert.deepEqual(await rowsOf(site, 'select id from resumable_upload'), [])
    await isGone(spoken(owner.http.head(`/resumable/${whole}`)))
    assert.equal(await site.app.resumable.find(owner.id, whole), undefined)
    await isGone(spoken(owner.http.head(String(headers['location']))))
  })
}
