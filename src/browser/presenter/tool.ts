import type { JsonObject } from '../../lib/bridge.ts'
import type { PresenterStrings } from '../../lib/contribute-strings.ts'
import { readSettings } from '../../lib/templates/settings.ts'
import type { ReadyTemplate, SettingsOf } from '../../lib/templates/template.ts'
import type { Task } from './task-feed.ts'

/** What was said about a task, or what is still to be said: a sentence, and where to say it. */
export type Reading = { info: JsonObject } | { missing: string; focus?: HTMLElement | undefined }

/**
 * The part of a ready template that is its own: it shows a task and knows what was said about it. Question,
 * instructions, comment, the Submit button, messages, waiting and failing are the panel's around it.
 */
export interface Tool {
  /** The large part, with the medium. Left out where there is only `controls`. */
  readonly root?: HTMLElement
  /** Stands below the question. */
  readonly controls?: HTMLElement
  /** `beside`: the medium takes the screen and the question stands beside or below it. `below`: one column to read. */
  readonly layout: 'beside' | 'below'
  /** True when the tool calls `around.submit` by itself and needs no button. */
  readonly submitsItself?: boolean
  /** Resolves when the task can be worked on. @throws MediaError when its media cannot be shown. */
  show(task: Task): Promise<void>
  read(): Reading
  /** Fetches what a task needs that will be shown next. */
  preload?(task: Task): void
  /** A plain key pressed where nobody types, as `KeyboardEvent.key`; true when it meant something. */
  key?(key: string): boolean
  /** Takes the task away. */
  clear(): void
}

/** What a tool gets from the panel around it. */
export interface Around<Word extends string = string> {
  /** Words that all templates share. */
  readonly strings: PresenterStrings
  /** The template's own words. */
  readonly words: Readonly<Record<Word, string>>
  /** The site's origin: relative addresses in tasks belong to it. */
  readonly siteUrl: string
  /** Sends what `read` gives, or says what is missing. Does nothing before `show` has resolved. */
  submit(): void
  /** Something was said that leaving would lose. */
  changed(): void
}

/** The media of a task cannot be shown; the message is for the volunteer. */
export class MediaError extends Error {
  /** Whether trying again may help. */
  readonly mayRetry: boolean

  constructor(message: string, { mayRetry = true }: { mayRetry?: boolean } = {}) {
    super(message)
    this.name = 'MediaError'
    this.mayRetry = mayRetry
  }
}

export interface RegisteredTool {
  readonly template: ReadyTemplate
  create(settings: unknown, around: Around): Tool
}

interface Shared {
  readonly tools: Map<string, RegisteredTool>
  /** Words in the visitor's language, known once the page around the frame has spoken. */
  translations?: Readonly<Record<string, string>>
}

declare global {
  interface Window {
    manyhands?: Shared
  }
}

/** Makes a tool known to the panel, which comes with a script of its own. The last line of each tool's script. */
export function registerTool<T extends ReadyTemplate>(
  template: T,
  create: (settings: SettingsOf<T>, around: Around<Extract<keyof T['words'], string>>) => Tool,
): void {
  shared().tools.set(template.id, {
    template,
    create: (settings, around) => create(readSettings(template, settings), around),
  })
}

/** What the scripts of a frame share, whichever of them runs first. */
export function shared(): Shared {
  window.manyhands ??= { tools: new Map() }
  return window.manyhands
}
