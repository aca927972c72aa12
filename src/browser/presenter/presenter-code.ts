/*
 * The script in the frame of a presenter that its owner wrote (entry `presenter-code`). It stands before the owner's
 * markup as a classic, blocking script: presenters use `pybossa` while their page is still being read.
 */
import { connectBridge } from './bridge-client.ts'
import type { BridgeClient } from './bridge-end.ts'
import { followContentHeight } from './content-height.ts'
import { readFrameDocument } from './frame-document.ts'
import { createPybossa } from './pybossa.ts'

const connected = connectBridge(readFrameDocument().site)
Object.assign(window, { pybossa: createPybossa(connected) })

// The site only lets this page into its frames, and links of a presenter mean pages of the site.
document.addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a[href]') : null
  const href = link?.getAttribute('href') ?? ''
  if (
    event.defaultPrevented ||
    href === '' ||
    /^(#|[a-z][a-z0-9+.-]*:|\/\/)/i.test(href) ||
    link?.hasAttribute('target')
  )
    return
  event.preventDefault()
  void connected.then((bridge) => {
    bridge.send({ type: 'navigate', path: href })
  })
})

void connected.then(atHome)

function atHome(bridge: BridgeClient): void {
  document.documentElement.lang = bridge.init.locale
  const locale = document.getElementById('PYBOSSA_USER_LOCALE')
  if (locale) locale.textContent = bridge.init.locale
  followContentHeight((height) => {
    bridge.send({ type: 'resize', height })
  })
}
