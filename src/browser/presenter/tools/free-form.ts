import type { JsonObject } from '../../../lib/bridge.ts'
import { fieldKeys, fieldNamed, freeForm } from '../../../lib/templates/free-form.ts'
import { element } from '../elements.ts'
import { createFormField } from '../parts/form-field.ts'
import { mediaName, mediaUrl, textIn } from '../parts/media-url.ts'
import { createPicture } from '../parts/picture.ts'
import { MediaError, registerTool } from '../tool.ts'

/** A form about a picture, a text, or nothing. Stores what was filled in by the fields' names. */
registerTool(freeForm, ({ fields, pictureColumn, textColumn }, around) => {
  const { strings, words, siteUrl } = around
  const picture = pictureColumn === '' ? undefined : createPicture(strings)
  const text = element('p', { class: 'form-text' })
  const keys = fieldKeys(fields)
  const views = fields.map((field, index) => createFormField(field, `field-${index}`, words))
  const controls = element('div', { class: 'controls' }, ...views.map((view) => view.root))
  if (textColumn !== '') controls.prepend(text)
  controls.addEventListener('input', () => {
    showAsked()
    around.changed()
  })
  showAsked()

  function isAsked(index: number): boolean {
    const field = fields[index]
    if (!field || field.whenField === '') return true
    const at = fieldNamed(fields.slice(0, index), field.whenField)
    return at === -1 || (isAsked(at) && views[at]?.values().includes(field.whenIs) === true)
  }

  function showAsked(): void {
    for (const [index, view] of views.entries()) view.root.hidden = !isAsked(index)
  }

  function clear(): void {
    for (const view of views) view.clear()
    showAsked()
  }

  return {
    ...(picture ? { root: picture.root } : {}),
    controls,
    layout: picture ? 'beside' : 'below',
    async show({ info }) {
      clear()
      text.textContent = textIn(info, textColumn) ?? ''
      if (textColumn !== '' && text.textContent === '')
        throw new MediaError(words.textMissing, { mayRetry: false })
      await picture?.show(mediaUrl(info, pictureColumn, siteUrl), mediaName(info) ?? strings.pictureAlt)
    },
    read() {
      const info: JsonObject = {}
      for (const [index, view] of views.entries()) {
        const reading = isAsked(index) ? view.read() : undefined
        if (reading && 'missing' in reading) return { missing: reading.missing, focus: view.focusable() }
        if (reading) info[keys[index] ?? ''] = reading.value
      }
      return { info }
    },
    preload({ info }) {
      const url = mediaUrl(info, pictureColumn, siteUrl)
      if (url !== undefined) picture?.preload(url)
    },
    clear() {
      clear()
      picture?.clear()
    },
  }
})
