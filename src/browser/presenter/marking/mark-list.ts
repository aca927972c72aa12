import { filled } from '../../../lib/contribute-strings.ts'
import { element } from '../elements.ts'

/** A mark as the list shows it. */
export interface MarkRow {
  readonly id: number
  readonly name: string
  /** Where it is. */
  readonly detail: string
  readonly label: string | null
}

export interface MarkListOptions {
  words: Readonly<Record<'marks' | 'noMarks' | 'labelOf' | 'noLabel' | 'remove' | 'removeMark', string>>
  /** Empty when marks have no labels. */
  labels: readonly string[]
  onSelect(id: number): void
  onLabel(id: number, label: string): void
  onRemove(id: number): void
}

export interface MarkList {
  readonly root: HTMLElement
  show(rows: readonly MarkRow[], selectedId: number | undefined): void
  /** The place to choose a mark's label, for the keyboard to go to. */
  labelField(id: number): HTMLElement | undefined
}

type RowParts = ReturnType<typeof createRow>

/** Every mark in words, to select, label and delete: the way to them that needs no pointer and no eyes. */
export function createMarkList(options: MarkListOptions): MarkList {
  const { words } = options
  const title = element('h2', { tabindex: '-1' }, words.marks)
  const empty = element('p', { class: 'muted' }, words.noMarks)
  const list = element('ol', { class: 'mark-list' })
  const root = element('section', { class: 'marks' }, title, empty, list)
  const shown = new Map<number, RowParts>()

  function drop(id: number, { item }: RowParts): void {
    const hadFocus = item.contains(document.activeElement)
    const neighbour = item.nextElementSibling ?? item.previousElementSibling
    item.remove()
    shown.delete(id)
    if (!hadFocus) return
    const target = neighbour?.querySelector('button') ?? title
    target.focus()
  }

  return {
    root,
    show(rows, selectedId) {
      for (const [id, parts] of shown) if (!rows.some((row) => row.id === id)) drop(id, parts)
      for (const [index, row] of rows.entries()) {
        const parts = shown.get(row.id) ?? createRow(row.id, options)
        if (!shown.has(row.id)) list.append(parts.item)
        shown.set(row.id, parts)
        parts.show(row, index + 1, row.id === selectedId)
      }
      empty.hidden = rows.length > 0
      list.hidden = rows.length === 0
    },
    labelField: (id) => shown.get(id)?.label,
  }
}

function createRow(id: number, { words, labels, onSelect, onLabel, onRemove }: MarkListOptions) {
  const number = element('span', { class: 'mark-badge' })
  const text = element('span')
  const select = element('button', { type: 'button', class: 'mark-select' }, number, ' ', text)
  const label = element(
    'select',
    {},
    element('option', { value: '' }, words.noLabel),
    ...labels.map((name) => element('option', { value: name }, name)),
  )
  const remove = element('button', { type: 'button', class: 'quiet' }, words.remove)
  const item = element('li', {}, select, ...(labels.length > 0 ? [label] : []), remove)

  select.addEventListener('click', () => {
    onSelect(id)
  })
  label.addEventListener('change', () => {
    onLabel(id, label.value)
  })
  remove.addEventListener('click', () => {
    onRemove(id)
  })

  return {
    item,
    label,
    show(row: MarkRow, position: number, isSelected: boolean) {
      const values = { number: String(position) }
      number.textContent = String(position)
      text.textContent = `${row.name}, ${row.detail}`
      select.setAttribute('aria-pressed', String(isSelected))
      label.value = row.label ?? ''
      label.setAttribute('aria-label', filled(words.labelOf, values))
      remove.setAttribute('aria-label', filled(words.removeMark, values))
    },
  }
}
