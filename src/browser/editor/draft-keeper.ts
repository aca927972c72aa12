import type { CodeMark } from './code-field.ts'
import type { EditorPart } from './editor-strings.ts'

/** What is kept: the fields of the form that hold the presenter. */
export interface DraftFields {
  code: string
  tutorial: string
}

/** The draft that another window stored; null when it published or discarded it. */
export interface OtherDraft extends DraftFields {
  revision: number
}

/** What the site's check found. */
export interface DraftWarning extends CodeMark {
  part: EditorPart
}

/** The site's reply: how the draft stands, the other window's draft, or why it was not taken. */
interface DraftReply {
  revision: number
  updated: string
  warnings: DraftWarning[]
  draft: OtherDraft | null
  description?: string
}

export type DraftState =
  | { kind: 'unsaved' | 'saving' | 'offline' }
  | { kind: 'saved'; time: Date; warnings: readonly DraftWarning[] }
  | { kind: 'refused'; reason: string }
  | { kind: 'conflict'; other: OtherDraft | null }

export interface DraftKeeper {
  /** Something was typed. */
  changed(): void
  /** Saves now what is not saved; with `force` also what nobody has changed. */
  flush(options?: { force?: boolean }): Promise<void>
  isUnsaved(): boolean
  /** After a conflict: this window's text takes the place of the other's. */
  keepMine(other: OtherDraft | null): Promise<void>
  /** After a conflict: this window goes on with the other's text. */
  takeOther(other: OtherDraft): void
  revision(): number
}

export interface DraftKeeperOptions {
  url: string
  revision: number
  base: string
  fields(): DraftFields
  onState(state: DraftState): void
}

const TYPING_MS = 1_200
const RETRY_MS = 5_000
/** What a page that is being left may still send (bytes, by the Fetch standard), with room for what stands around it. */
const LEAVING_BYTES_MAX = 60_000

/** Keeps a draft on the site while somebody writes: one request at a time, and none over a text of another window. */
export function createDraftKeeper(options: DraftKeeperOptions): DraftKeeper {
  let { revision } = options
  let isDirty = false
  let isBlocked = false
  let running: Promise<void> | undefined
  let timer: number | undefined

  function schedule(ms: number): void {
    window.clearTimeout(timer)
    timer = window.setTimeout(() => void flush(), ms)
  }

  async function flush({ force = false } = {}): Promise<void> {
    window.clearTimeout(timer)
    await running
    if (isBlocked || (!isDirty && !force)) return
    running = save().finally(() => {
      running = undefined
    })
    await running
  }

  async function save(): Promise<void> {
    isDirty = false
    options.onState({ kind: 'saving' })
    const body = JSON.stringify({ ...options.fields(), revision: String(revision), base: options.base })
    let response: Response
    let reply: DraftReply
    try {
      response = await fetch(options.url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
        keepalive: document.visibilityState === 'hidden' && new Blob([body]).size < LEAVING_BYTES_MAX,
      })
      reply = (await response.json()) as DraftReply
    } catch {
      isDirty = true
      options.onState({ kind: 'offline' })
      schedule(RETRY_MS)
      return
    }
    receive(response, reply)
  }

  function receive({ status, ok }: Response, reply: DraftReply): void {
    if (ok) {
      revision = reply.revision
      const time = new Date(reply.updated)
      options.onState(isDirty ? { kind: 'unsaved' } : { kind: 'saved', time, warnings: reply.warnings })
    } else if (status === 409) {
      isDirty = true
      isBlocked = true
      options.onState({ kind: 'conflict', other: reply.draft })
    } else {
      // What is too long is not less so the next time: only another change is worth a try.
      isDirty = true
      options.onState({ kind: 'refused', reason: reply.description ?? String(status) })
      if (status >= 500 || status === 429) schedule(RETRY_MS)
    }
  }

  return {
    changed() {
      isDirty = true
      if (isBlocked) return
      options.onState({ kind: 'unsaved' })
      schedule(TYPING_MS)
    },
    flush,
    isUnsaved: () => isDirty || running !== undefined,
    async keepMine(other) {
      revision = other?.revision ?? 0
      isBlocked = false
      await flush({ force: true })
    },
    takeOther(other) {
      revision = other.revision
      isBlocked = false
      isDirty = false
      window.clearTimeout(timer)
    },
    revision: () => revision,
  }
}
