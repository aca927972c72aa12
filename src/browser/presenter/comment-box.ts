import type { PresenterStrings } from '../../lib/contribute-strings.ts'
import { element } from './elements.ts'

const COMMENT_CHARS_MAX = '2000'

export interface CommentBox {
  readonly root: HTMLElement
  text(): string
  clear(): void
}

/** A field for a comment that takes no room until it is wanted. */
export function createCommentBox(strings: PresenterStrings, onChange: () => void): CommentBox {
  const area = element('textarea', {
    id: 'comment',
    rows: '2',
    maxlength: COMMENT_CHARS_MAX,
    'aria-label': strings.comment,
  })
  const root = element('details', { class: 'comment' }, element('summary', {}, strings.commentAdd), area)
  area.addEventListener('input', onChange)

  return {
    root,
    text: () => area.value.trim(),
    clear() {
      area.value = ''
      root.open = false
    },
  }
}
