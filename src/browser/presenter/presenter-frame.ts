/*
 * The script in the frame of a ready template (entry `presenter-frame`). The document around it holds `#presenter`
 * and, in `#presenter-document`, which template it is and how its owner set it. The template's tool has a script of its
 * own, which has run before.
 */
import { PRESENTER_STRINGS } from '../../lib/contribute-strings.ts'
import { connectBridge } from './bridge-client.ts'
import { readFrameDocument } from './frame-document.ts'
import { runTemplate } from './template-run.ts'
import { shared } from './tool.ts'

void start()

async function start(): Promise<void> {
  const { site, template, settings } = readFrameDocument()
  const root = document.getElementById('presenter')
  if (!root) return
  if (window.parent === window) {
    root.textContent = PRESENTER_STRINGS.notEmbedded
    return
  }
  const bridge = await connectBridge(site)
  const tool = shared().tools.get(template ?? '')
  if (!tool) throw new Error(`No tool for the template ${template ?? ''}`)
  runTemplate(bridge, root, tool, settings)
}
