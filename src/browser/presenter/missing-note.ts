import { element } from './elements.ts'

export interface MissingNote {
  /** Says what is still to be done, beside the field that it is about. */
  show(what: { missing: string; focus?: HTMLElement | undefined }): void
  clear(): void
}

/** @param foot where it stands when no field, an element with `data-field`, is to blame. */
export function createMissingNote(foot: HTMLElement): MissingNote {
  const note = element('p', { class: 'missing', id: 'missing', role: 'alert' })
  let blamed: { field: HTMLElement; described: string | null } | undefined

  function clear(): void {
    note.remove()
    if (!blamed) return
    const { field, described } = blamed
    if (described === null) field.removeAttribute('aria-describedby')
    else field.setAttribute('aria-describedby', described)
    blamed = undefined
  }

  return {
    clear,
    show({ missing, focus }) {
      clear()
      note.textContent = missing
      const field = focus?.closest('[data-field]')
      if (field) field.append(note)
      else foot.insertBefore(note, foot.querySelector(':scope > .submit'))
      if (!focus) return
      blamed = { field: focus, described: focus.getAttribute('aria-describedby') }
      focus.setAttribute('aria-describedby', [blamed.described, note.id].filter(Boolean).join(' '))
      focus.focus()
    },
  }
}
