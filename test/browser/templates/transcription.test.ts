import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { contribute } from '../../support/contribution.ts'
import { startTestApp } from '../../support/app.ts'
import { startChromium } from '../../support/chromium.ts'
import { testTemplate } from '../../support/template-session.ts'
import type { Hands } from '../../support/template-session.ts'

const TEXT = 'March 3. Frost in the night'

async function transcribe({ frame, press, type }: Hands): Promise<void> {
  const button = (name: string) => frame.getByRole('button', { name, exact: true })
  await press(button('Submit'))
  await frame.getByText('Write the text, or tick “There is nothing to read”.').waitFor()
  for (const name of ['Zoom in', 'Turn the page', 'Zoom out', 'Show the whole page'])
    await press(button(name))
  await press(frame.getByLabel('Text of the page'))
  await type(TEXT)
  await press(button('Submit'))
  await frame.getByRole('application', { name: 'List of plants' }).waitFor()
  await press(frame.getByLabel('There is nothing to read'))
  await press(button('Submit'))
}

testTemplate({
  template: 'transcription',
  settings: {},
  tasks: 2,
  ready: (frame) => frame.getByRole('application', { name: 'The weather book' }).waitFor(),
  mouse: transcribe,
  touch: transcribe,
  async keyboard({ frame, keys, tabTo, type }) {
    const submit = frame.getByRole('button', { name: 'Submit', exact: true })
    await tabTo(frame.getByRole('application', { name: 'The weather book' }))
    await keys('+', 'ArrowDown', '0')
    await tabTo(frame.getByLabel('Text of the page'))
    await type(TEXT)
    await tabTo(submit)
    await keys('Enter')
    await frame.getByRole('application', { name: 'List of plants' }).waitFor()
    await tabTo(frame.getByLabel('There is nothing to read'))
    await keys('Space')
    await tabTo(submit)
    await keys('Enter')
  },
  stored: [{ text: TEXT }, { text: '' }],
})

test('a page in IIIF deep zoom is fetched in tiles, and a text to correct stands in the field', async (t) => {
  const [site, browser, iiif] = await Promise.all([startTestApp(t), startChromium(t), startIiif(t)])
  const settings = {
    question: 'What is written?',
    pictureColumn: 'page',
    textColumn: 'ocr',
    direction: 'auto',
  }
  const presenter = { kind: 'template', template: 'transcription', settings, tutorial: null } as const
  const infos = [{ page: `${iiif.url}/info.json`, ocr: 'Frist draft' }]
  const { frame, page, stored } = await contribute(t, site, browser, { presenter, infos })
  await frame.locator('.task[data-state="ready"]').waitFor()
  await iiif.sentTile
  assert.equal(await frame.getByLabel('Text of the page').inputValue(), 'Frist draft')
  await frame.getByLabel('Text of the page').fill('First draft')
  await frame.getByRole('button', { name: 'Submit' }).click()
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), [{ text: 'First draft' }])
})

/** A IIIF image server with one page, which has only tiles. */
async function startIiif(t: {
  after(end: () => void): void
}): Promise<{ url: string; sentTile: Promise<void> }> {
  const picture = await readFile(new URL('../../../src/demo/media/hubble-001.jpg', import.meta.url))
  const sentTile = Promise.withResolvers<undefined>()
  const server = createServer(({ url = '' }, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    if (url === '/page/info.json') {
      response.setHeader('Content-Type', 'application/json')
      response.end(
        JSON.stringify({
          '@context': 'http://iiif.io/api/image/2/context.json',
          '@id': address(),
          protocol: 'http://iiif.io/api/image',
          width: 2048,
          height: 2048,
          tiles: [{ width: 512, scaleFactors: [1, 2, 4] }],
          profile: ['http://iiif.io/api/image/2/level0.json'],
        }),
      )
    } else if (/^\/page\/[\d,]+|full\//.test(url)) {
      response.setHeader('Content-Type', 'image/jpeg')
      response.end(picture)
      sentTile.resolve(undefined)
    } else response.writeHead(404).end()
  })
  const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/page`
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { url: address(), sentTile: sentTile.promise }
}
