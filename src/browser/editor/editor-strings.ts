/** The words of the editor's script, which its page brings along. */
export interface EditorStrings {
  saving: string
  /** With {time}. */
  saved: string
  unsaved: string
  offline: string
  /** With {reason}. */
  refused: string
  conflict: string
  gone: string
  keepMine: string
  takeOther: string
  difference: string
  theirs: string
  mine: string
  /** With {line}. */
  line: string
  keys: string
  noTask: string
  frameSlow: string
}

/** The two texts of a presenter. */
export const EDITOR_PARTS = ['presenter', 'tutorial'] as const
export type EditorPart = (typeof EDITOR_PARTS)[number]
