import type { FrameDocument } from '../../lib/presenter-settings.ts'

/** What the server wrote into the frame's document about itself. */
export function readFrameDocument(): FrameDocument {
  const text = document.getElementById('presenter-document')?.textContent ?? '{}'
  return JSON.parse(text) as FrameDocument
}
