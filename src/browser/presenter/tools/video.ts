import { video } from '../../../lib/templates/video.ts'
import { element } from '../elements.ts'
import { mediaName } from '../parts/media-url.ts'
import { createMediaTool } from '../timing/media-tool.ts'
import { registerTool } from '../tool.ts'

registerTool(video, (settings, around) => {
  const media = element('video', { class: 'video', playsinline: '', preload: 'auto' })

  return createMediaTool(settings, around, {
    root: media,
    media,
    layout: 'beside',
    show(url, info) {
      media.setAttribute('aria-label', mediaName(info) ?? around.words.video)
      return Promise.resolve()
    },
  })
})
