import type { PresenterStrings } from '../../../lib/contribute-strings.ts'
import { MediaError } from '../tool.ts'

/** More were passed over. */
const PRELOADED_MAX = 3

export interface PictureLoader {
  /** A picture that can be painted; undefined when the task has none. @throws MediaError */
  load(url: string | undefined): Promise<HTMLImageElement>
  /** Fetches a picture that will be shown next. */
  preload(url: string | undefined): void
}

export function createPictureLoader(strings: PresenterStrings): PictureLoader {
  const preloaded = new Map<string, HTMLImageElement>()

  return {
    async load(url) {
      if (url === undefined) throw new MediaError(strings.pictureMissing, { mayRetry: false })
      const image = preloaded.get(url) ?? fetchPicture(url)
      preloaded.delete(url)
      if (image.complete && image.naturalWidth > 0) return image
      await image.decode().catch(() => {
        throw new MediaError(strings.pictureFailed)
      })
      return image
    },
    preload(url) {
      if (url === undefined) return
      for (const old of [...preloaded.keys()].slice(0, 1 - PRELOADED_MAX)) preloaded.delete(old)
      preloaded.set(url, fetchPicture(url))
    },
  }
}

function fetchPicture(url: string): HTMLImageElement {
  const image = new Image()
  image.draggable = false
  image.src = url
  // Decoded ahead, it is painted in the same frame as the press that asks for it.
  image.decode().catch(() => undefined)
  return image
}
