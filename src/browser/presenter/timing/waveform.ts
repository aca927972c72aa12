import WaveSurfer from 'wavesurfer.js'
import RegionsPlugin from 'wavesurfer.js/plugins/regions'
import { element } from '../elements.ts'
import type { MediaView } from './media-tool.ts'

const HEIGHT_PX = 112

/** The waveform of a sound, with the marks in it. Sounds that scripts may not read still play, with a flat line. */
export function createWaveform(name: string): MediaView {
  const media = new Audio()
  const root = element('div', { class: 'waveform', role: 'img', 'aria-label': name })
  const colours = getComputedStyle(document.documentElement)
  const regions = RegionsPlugin.create()
  const wave = WaveSurfer.create({
    container: root,
    media,
    height: HEIGHT_PX,
    waveColor: colours.getPropertyValue('--line-strong'),
    progressColor: colours.getPropertyValue('--action'),
    cursorColor: colours.getPropertyValue('--warm'),
    cursorWidth: 2,
    plugins: [regions],
  })
  adoptStyles(root)

  return {
    root,
    media,
    layout: 'below',
    async show(url) {
      await wave.load(url).catch(() => wave.load(url, [[0, 0]], media.duration))
    },
    draw(marks, selectedId) {
      regions.clearRegions()
      if (wave.getDuration() === 0) return
      for (const [index, { id, start, end }] of marks.entries()) {
        regions.addRegion({
          id: String(id),
          start,
          ...(end !== undefined && { end }),
          content: String(index + 1),
          drag: false,
          resize: end !== undefined,
          color: id === selectedId ? 'rgb(196 69 44 / 35%)' : 'rgb(196 69 44 / 18%)',
        })
      }
    },
    connect(marks) {
      regions.on('region-clicked', ({ id }) => {
        marks.select(Number(id))
      })
      regions.on('region-updated', ({ id, start, end }) => {
        marks.resize(Number(id), start, end)
      })
    },
    clear() {
      regions.clearRegions()
      wave.empty()
    },
  }
}

/**
 * Wavesurfer writes its styles as an element into its shadow root, where the frame's policy does not let it count.
 * The same text counts as a sheet that script has adopted.
 */
function adoptStyles(root: HTMLElement): void {
  for (const { shadowRoot } of root.children) {
    const text = shadowRoot?.querySelector('style')?.textContent
    if (!shadowRoot || text === undefined) continue
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(text)
    shadowRoot.adoptedStyleSheets.push(sheet)
  }
}
