import { compareTexts } from './comparison.ts'
import type { DraftFields, OtherDraft } from './draft-keeper.ts'
import type { EditorStrings } from './editor-strings.ts'

export interface ConflictOptions {
  strings: EditorStrings
  mine(): DraftFields
  keepMine(): void
  takeOther(other: OtherDraft): void
}

/** Tells that another window changed the draft, and lets the owner compare the two and choose. */
export function showConflict(notice: HTMLElement, other: OtherDraft | null, options: ConflictOptions): void {
  const { strings } = options
  const text = document.createElement('p')
  text.textContent = other ? strings.conflict : strings.gone
  const actions = document.createElement('div')
  actions.className = 'actions'
  const comparison = document.createElement('div')
  comparison.className = 'code-comparison'
  comparison.hidden = true

  const done = (action: () => void) => () => {
    notice.hidden = true
    notice.replaceChildren()
    action()
  }
  actions.append(button(strings.keepMine, done(options.keepMine)))
  if (other) {
    actions.append(
      button(
        strings.takeOther,
        done(() => {
          options.takeOther(other)
        }),
      ),
      button(strings.difference, () => {
        comparison.hidden = false
        compareTexts(
          comparison,
          { label: strings.theirs, text: joined(other) },
          { label: strings.mine, text: joined(options.mine()) },
        )
      }),
    )
  }
  notice.replaceChildren(text, actions, comparison)
  notice.hidden = false
}

function joined({ code, tutorial }: DraftFields): string {
  return tutorial === '' ? code : `${code}\n\n${tutorial}`
}

function button(label: string, press: () => void): HTMLButtonElement {
  const made = document.createElement('button')
  made.type = 'button'
  made.className = 'button button--quiet button--small'
  made.textContent = label
  made.addEventListener('click', press)
  return made
}
