import { imageClassification } from '../../../lib/templates/image-classification.ts'
import { element } from '../elements.ts'
import { createChoices } from '../parts/choices.ts'
import { mediaName, mediaUrl } from '../parts/media-url.ts'
import { createPicture } from '../parts/picture.ts'
import { registerTool } from '../tool.ts'

/**
 * One picture and one choice, which submits at once and stores `{"answer": choice}`; or several choices and a button,
 * and `{"answer": [choices]}`.
 */
registerTool(imageClassification, ({ choices: texts, multiple, pictureColumn }, around) => {
  const { strings, words, siteUrl } = around
  const picture = createPicture(strings)
  let pressed = ''
  const choices = createChoices({
    texts,
    several: multiple,
    onPress(text) {
      pressed = text
      if (multiple) around.changed()
      else around.submit()
    },
  })
  const hint = element('p', { class: 'key-hint' }, multiple ? words.keyHintSeveral : words.keyHint)
  choices.enable(false)

  return {
    root: picture.root,
    controls: element('div', { class: 'controls' }, choices.root, hint),
    layout: 'beside',
    submitsItself: !multiple,
    async show({ info }) {
      choices.enable(false)
      choices.clear()
      await picture.show(mediaUrl(info, pictureColumn, siteUrl), mediaName(info) ?? strings.pictureAlt)
      choices.enable(true)
    },
    read() {
      if (!multiple) return { info: { answer: pressed } }
      const answers = choices.chosen()
      return answers.length > 0
        ? { info: { answer: answers } }
        : { missing: words.missing, focus: choices.first }
    },
    preload({ info }) {
      const url = mediaUrl(info, pictureColumn, siteUrl)
      if (url !== undefined) picture.preload(url)
    },
    key: choices.press,
    clear() {
      picture.clear()
      choices.enable(false)
    },
  }
})
