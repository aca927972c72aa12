import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Browser } from 'playwright-core'
import type { FramePermission } from '../../src/lib/frame-permissions.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { contributeByCode, logged } from '../support/contribution.ts'
import type { Contribution } from '../support/contribution.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { waitForReplica } from '../support/servers.ts'

/** Asks for everything once somebody pressed the button; another button passes the place on to a frame inside. */
const ASK = `
  var ask = {
    place: function (win) { return new Promise(function (yes, no) { win.navigator.geolocation.getCurrentPosition(yes, no) }) },
    camera: function (win) { return win.navigator.mediaDevices.getUserMedia({ video: true }) },
    microphone: function (win) { return win.navigator.mediaDevices.getUserMedia({ audio: true }) },
    copying: function (win) { return win.navigator.clipboard.writeText('copied') }
  }
  document.getElementById('ask').onclick = async function () {
    for (var name of Object.keys(ask))
      log(name + ' ' + await ask[name](window).then(function () { return 'given' }, function () { return 'refused' }))
    log('done')
  }
  document.getElementById('pass').onclick = function () {
    onmessage = function (event) { if (event.source === inner.contentWindow) log('inside ' + event.data) }
    var inner = document.createElement('iframe')
    inner.allow = 'geolocation *'
    inner.src = 'http://inside.localhost/'
    document.body.append(inner)
  }`
/** A page of somebody else's that the presenter shows. */
const INSIDE = `<script>
  function tell(text) { parent.postMessage(text, '*') }
  navigator.geolocation.getCurrentPosition(function () { tell('given') }, function () { tell('refused') })
</script>`
const MARKUP = '<button id="ask">Ask</button><button id="pass">Pass on</button>'
const ASKED = ['place', 'camera', 'microphone', 'copying']

function expected(given: readonly string[]): string[] {
  return [...ASKED.map((name) => `${name} ${given.includes(name) ? 'given' : 'refused'}`), 'done']
}

const WAYS = {
  'on a host of its own': { settings: {}, given: ASKED },
  // Browsers give camera and microphone to no origin without a name.
  'in the opaque sandbox': {
    settings: { PRESENTER_ORIGIN: 'http://presenters.example.test' },
    given: ['place', 'copying'],
  },
}

for (const [place, { settings, given }] of Object.entries(WAYS)) {
  describe(`a presenter ${place}`, () => {
    const ending = untilFileEnds()
    let site: TestApp
    let browser: Browser

    before(async () => {
      const devices = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
      ;[site, browser] = await Promise.all([
        startTestApp(ending, settings),
        startChromium(ending, ...devices),
      ])
    })

    /** Somebody who agrees to all that the browser asks them. */
    async function visit(t: TestContext): Promise<Contribution> {
      return contributeByCode(t, site, browser, ASK, MARKUP, {
        context: {
          permissions: ['geolocation', 'camera', 'microphone', 'clipboard-write'],
          geolocation: { latitude: 48, longitude: 11 },
        },
        prepare: (context) =>
          context.route('http://inside.localhost/', (route) =>
            route.fulfill({ contentType: 'text/html', body: INSIDE }),
          ),
      })
    }

    async function allow({ project, page, address }: Contribution, names: FramePermission[]) {
      await rowsOf(site, 'update project set frame_permissions = $2 where id = $1', [project.id, names])
      await waitForReplica()
      await page.goto(address)
    }

    async function outcome(visited: Contribution): Promise<string[]> {
      await visited.frame.getByRole('button', { name: 'Ask' }).click()
      return logged(visited, 'done')
    }

    test('gets nothing of the device that its owner did not ask for', async (t) => {
      const visited = await visit(t)
      assert.deepEqual(await outcome(visited), expected([]))
      assert.equal(await visited.page.locator('.frame-permissions').count(), 0)
    })

    test('gets what its owner asked for, of which its people are told, and nothing else', async (t) => {
      const visited = await visit(t)
      await allow(visited, ['geolocation'])
      assert.deepEqual(await outcome(visited), expected(['place']))
      await visited.frame.getByRole('button', { name: 'Pass on' }).click()
      assert.equal((await logged(visited, 'inside')).at(-1), 'inside refused')
      const told = await visited.page.locator('.frame-permissions').innerText()
      assert.match(told, /^The tasks may use: where you are\./)

      await allow(visited, ['camera', 'clipboard-write', 'geolocation', 'microphone'])
      assert.deepEqual(await outcome(visited), expected(given))
    })
  })
}
