import type { Fragment, View, Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'

/** A page that is the same for everybody. */
export interface ReadyPage {
  readonly fragment: Fragment
  /** Who is shown another one: the owners of what it is about. */
  readonly ownerIds: readonly number[]
}

/** What a page is made from; owners are shown another one. */
export interface PageParts {
  readonly template: string
  readonly view: View
  readonly ownerIds?: readonly number[]
}

export interface ReadyPageOrder {
  /** Its kind, for the figures of the cache. */
  readonly name: string
  /** Which of its kind. */
  readonly key: string
  /** The things it is made of (see `noteChanged`). */
  readonly of: readonly string[]
  /** Undefined when there is no page for everybody here. Nobody's rights may decide about it. */
  make(db: RequestDb): Promise<PageParts | undefined>
}

/** Gives out pages rendered ahead: asked for again and again, they cost the database nothing. */
export type ReadyPages = (order: ReadyPageOrder) => Promise<ReadyPage | undefined>

/** A change that nobody notes shows after this time, and to who first looks after both. */
const FRESH_SECONDS = 60
const STALE_SECONDS = 600

export function createReadyPages(
  app: Pick<App, 'memory' | 'database' | 'config'>,
  views: Pick<Views, 'fragment' | 'version'>,
): ReadyPages {
  return async ({ name, key, of, make }) => {
    const render = async (position?: string): Promise<ReadyPage | undefined> => {
      const parts = await make(app.database.open({ writes: false, position }))
      if (!parts) return undefined
      return { fragment: views.fragment(parts.template, parts.view), ownerIds: parts.ownerIds ?? [] }
    }
    // Who works on templates wants to see them.
    if (app.config.templates.watch) return render()
    const kind = {
      name: `page-${name}`,
      version: views.version,
      freshSeconds: FRESH_SECONDS,
      staleSeconds: STALE_SECONDS,
    }
    return app.memory.get(kind, key, render, of)
  }
}
