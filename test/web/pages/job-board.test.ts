import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobs } from '../../../jobs/index.ts'
import { startTestApp } from '../../support/app.ts'
import { startChromium } from '../../support/chromium.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { openAsOwner } from '../../support/owner-page.ts'

const BOARD = '/admin/jobs/board/'
const ending = untilFileEnds()
const site = await startTestApp(ending)
const admin = await site.user()
const member = await site.user()

test('the job board is for admins, and only to look at', async () => {
  const paths = ['', 'queue/send-mail', 'api/queues', 'static/favicon-32x32.png']
  for (const path of paths) {
    await site.http.get(BOARD + path).expect(302)
    await member.http.get(BOARD + path).expect(403)
    await admin.http
      .get(BOARD + path)
      .expect(200)
      .expect('Cache-Control', /^private/)
  }
  const { queues } = (await admin.http.get(`${BOARD}api/queues`).expect(200)).body as {
    queues: { name: string; readOnlyMode: boolean }[]
  }
  assert.deepEqual(queues.map(({ name }) => name).sort(), Object.keys(jobs).sort())
  assert.ok(queues.every(({ readOnlyMode }) => readOnlyMode))
  await admin.http.put(`${BOARD}api/queues/send-mail/pause`).expect(405)
  await admin.http.put(`${BOARD}api/queues/send-mail/obliterate`).expect(405)
  await admin.http.get(`${BOARD}static/../index.ejs`).expect(404)
  await admin.http.get(`${BOARD}static/no-such-file.js`).expect(404)
})

test('the job board shows itself under a policy with inline styles, and fetches nothing from elsewhere', async (t) => {
  const browser = await startChromium(ending)
  const page = await openAsOwner(t, { site, browser, owner: admin }, '/')
  const complaints: string[] = []
  const elsewhere: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(`${site.url}/`) && !request.url().startsWith('data:'))
      elsewhere.push(request.url())
  })
  await page.goto(`${site.url}/admin/jobs`)
  await page.getByRole('link', { name: 'What the queue servers hold, live' }).click()
  await page.getByText('send-mail').first().waitFor()
  await page.goto(`${site.url}${BOARD}queue/send-mail`)
  await page.getByText('send-mail').first().waitFor()
  const folder = process.env['SCREENSHOTS']
  if (folder) await page.screenshot({ path: `${folder}/board.png` })
  assert.deepEqual([complaints, elsewhere], [[], []])
})

test('while the queue servers are away, the board says so', async (t) => {
  const away = await startTestApp(t, { REDIS_QUEUE_URL: 'redis://127.0.0.1:1', LOG_LEVEL: 'silent' })
  const someone = await away.user()
  await someone.http.get(`${BOARD}api/queues`).expect(503, /queue servers are away/)
})
