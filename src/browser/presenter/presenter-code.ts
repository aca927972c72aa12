/*
 * The script in the frame of HTML that an owner wrote (entry `presenter-code`): a presenter, a tutorial, a page of
 * results. It stands after the kit and before the owner's markup as a classic, blocking script: presenters use `pybossa`
 * while their page is still being read.
 */
import type { FrameMessage } from '../../lib/bridge.ts'
import { connectBridge } from './bridge-client.ts'
import type { BridgeClient } from './bridge-end.ts'
import { followContentHeight } from './content-height.ts'
import { readFrameDocument } from './frame-document.ts'
import { reportErrors } from './error-report.ts'
import { createPybossa } from './pybossa.ts'
import { bridgeFetch } from './requests/bridged-fetch.ts'
import { bridgeXhr } from './requests/bridged-xhr.ts'
import { createRequestRouter } from './requests/request-router.ts'
import { ensureCookies } from './stand-ins/cookies.ts'
import { showDialogues } from './stand-ins/dialogues.ts'
import { keepAddress } from './stand-ins/history.ts'
import { followLinks } from './stand-ins/links.ts'
import { pressKey } from './stand-ins/outer-keys.ts'
import { ensureStorage } from './stand-ins/storage.ts'
import { noticeWork } from './stand-ins/typed-work.ts'
import { shared } from './tool.ts'

const frame = readFrameDocument()
const connected = connectBridge(frame.site)
const router = createRequestRouter(connected, frame)

reportErrors(connected)
Object.assign(window, { pybossa: createPybossa(connected) })
bridgeFetch(router)
bridgeXhr(router)
ensureStorage()
ensureCookies(`${frame.project?.shortName ?? ''}tutorial=seen`)
keepAddress((id) => {
  send({ type: 'taskShown', id })
})
followLinks(frame.site, (path) => {
  send({ type: 'navigate', path })
})
showDialogues((top, height) => {
  send({ type: 'reveal', top, height })
})
const workIsOver = noticeWork(() => {
  send({ type: 'dirty', dirty: true })
})
void connected.then(atHome)

function send(message: FrameMessage): void {
  void connected.then((bridge) => {
    bridge.send(message)
  })
}

function atHome(bridge: BridgeClient): void {
  shared().translations = bridge.init.strings
  bridge.onMessage((message) => {
    if (message.type === 'key') pressKey(message.key)
    else if (message.type === 'state' || message.type === 'skip') workIsOver()
  })
  followContentHeight((height) => {
    bridge.send({ type: 'resize', height })
  })
}
