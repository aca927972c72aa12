import type { Json } from '../../../lib/bridge.ts'
import type { comparison } from '../../../lib/templates/comparison.ts'
import { element } from '../elements.ts'
import { MediaError } from '../tool.ts'
import type { Around } from '../tool.ts'
import { mediaUrl, textIn } from './media-url.ts'
import { createPicture } from './picture.ts'

export interface ItemCard {
  readonly root: HTMLElement
  /** @throws MediaError */
  show(info: Json): Promise<void>
  preload(info: Json): void
  /** Plays or pauses a sound; false when there is none. */
  play(): boolean
  clear(): void
}

interface CardOptions {
  kind: 'picture' | 'text' | 'sound'
  name: 'A' | 'B'
  column: string
  around: Around<keyof typeof comparison.words>
}

type Content = Omit<ItemCard, 'root'> & { readonly element: HTMLElement }

/** One of the two items that are compared, under its letter. */
export function createItemCard(options: CardOptions): ItemCard {
  const makers = { picture: pictureOf, text: textOf, sound: soundOf }
  const content = makers[options.kind](options)
  const heading = element('h2', {}, options.name)
  return { ...content, root: element('section', { class: 'compared' }, heading, content.element) }
}

function pictureOf({ name, column, around }: CardOptions): Content {
  const { strings, words, siteUrl } = around
  const picture = createPicture(strings)
  return {
    element: picture.root,
    show: (info) =>
      picture.show(mediaUrl(info, column, siteUrl), textIn(info, `${column}_alt`) ?? words[`picture${name}`]),
    preload(info) {
      const url = mediaUrl(info, column, siteUrl)
      if (url !== undefined) picture.preload(url)
    },
    play: () => false,
    clear: picture.clear,
  }
}

function textOf({ column, around }: CardOptions): Content {
  const text = element('p', { class: 'item-text' })
  return {
    element: text,
    async show(info) {
      const written = textIn(info, column)
      if (written === undefined) throw new MediaError(around.words.textMissing, { mayRetry: false })
      text.textContent = written
      await Promise.resolve()
    },
    preload: () => undefined,
    play: () => false,
    clear() {
      text.textContent = ''
    },
  }
}

function soundOf({ name, column, around }: CardOptions): Content {
  const { words, siteUrl } = around
  const box = element('div', { class: 'item-sound' })
  let player: HTMLAudioElement | undefined

  function clear(): void {
    player?.pause()
    player = undefined
    box.replaceChildren()
  }

  return {
    element: box,
    clear,
    async show(info) {
      clear()
      const url = mediaUrl(info, column, siteUrl)
      if (url === undefined) throw new MediaError(words.soundMissing, { mayRetry: false })
      const audio = element('audio', { controls: '', preload: 'auto', 'aria-label': words[`sound${name}`] })
      player = audio
      box.append(audio)
      await new Promise((resolve, reject) => {
        audio.addEventListener('loadedmetadata', resolve, { once: true })
        audio.addEventListener('error', reject, { once: true })
        audio.src = url
      }).catch(() => {
        throw new MediaError(words.soundFailed)
      })
    },
    preload(info) {
      const url = mediaUrl(info, column, siteUrl)
      // Kept by the browser's cache until it is shown.
      if (url !== undefined) new Audio(url).preload = 'auto'
    },
    play() {
      if (!player) return false
      if (player.paused) void player.play()
      else player.pause()
      return true
    },
  }
}
