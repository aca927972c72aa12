/*
 * The script in the frame of a ready template (entry `presenter-frame`). The document around it holds `#presenter`
 * and, in `#presenter-document`, which template it is and how its owner set it.
 */
import { PRESENTER_STRINGS, withTranslation } from '../../lib/contribute-strings.ts'
import { readImageClassification } from '../../lib/presenter-settings.ts'
import { connectBridge } from './bridge-client.ts'
import { readFrameDocument } from './frame-document.ts'
import { runImageClassification } from './image-classification.ts'

void start()

async function start(): Promise<void> {
  const { site, settings } = readFrameDocument()
  const root = document.getElementById('presenter')
  if (!root) return
  if (window.parent === window) {
    root.textContent = PRESENTER_STRINGS.notEmbedded
    return
  }
  const bridge = await connectBridge(site)
  const { init } = bridge
  document.documentElement.lang = init.locale
  const own = readImageClassification(init.settings ?? settings)
  runImageClassification(bridge, root, own, withTranslation(PRESENTER_STRINGS, init.strings))
}
