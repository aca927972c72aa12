import { isId } from '../../lib/bridge.ts'
import type { BridgeProject } from '../../lib/bridge.ts'
import { CONTRIBUTE_STRINGS, withTranslation } from '../../lib/contribute-strings.ts'
import type { ContributeStrings } from '../../lib/contribute-strings.ts'
import { mustFind } from '../page-parts.ts'

/** What the server wrote into the root element of the page. */
export interface PageSettings {
  root: HTMLElement
  stage: HTMLElement
  frame: { url: string; origin: string; sandbox: string; allow: string }
  project: BridgeProject
  taskId: number | null
  contributor: string
  presenterVersion: string | undefined
  ownCount: number
  undoSeconds: number
  /** Tasks that this contributor skipped before the page was loaded. */
  skippedCount: number
  answersGiven: number
  answersWanted: number
  finishedUrl: string | undefined
  /** The language of whoever sits before the page, which need not be the page's. */
  locale: string
  strings: ContributeStrings
  presenterStrings: Record<string, string>
}

/** @throws Error when the page breaks the contract: nothing could be shown then. */
export function readPageSettings(rootId: string): PageSettings {
  const root = mustFind(rootId)
  const { dataset } = root
  const text = (name: string) => dataset[name] ?? ''
  const taskId = Number(text('taskId'))
  return {
    root,
    stage: mustFind('presenter-stage'),
    frame: {
      url: text('frameUrl'),
      origin: text('frameOrigin'),
      sandbox: text('frameSandbox'),
      allow: text('frameAllow'),
    },
    project: {
      id: Number(text('projectId')),
      short_name: text('shortName'),
      name: text('projectName'),
      description: text('projectDescription'),
    },
    taskId: isId(taskId) ? taskId : null,
    contributor: text('contributor'),
    presenterVersion: dataset['presenterVersion'],
    ownCount: count(text('ownCount')),
    undoSeconds: count(text('undoSeconds')),
    skippedCount: count(text('skippedCount')),
    answersGiven: count(text('answersGiven')),
    answersWanted: count(text('answersWanted')),
    finishedUrl: dataset['finishedUrl'],
    locale: text('locale'),
    strings: withTranslation(CONTRIBUTE_STRINGS, jsonObject(text('strings'))),
    presenterStrings: texts(jsonObject(text('presenterStrings'))),
  }
}

/** A count that the page does not tell is 0. */
function count(text: string): number {
  return Math.max(0, Number(text) || 0)
}

function jsonObject(text: string): Record<string, unknown> {
  const value = JSON.parse(text || '{}') as unknown
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function texts(values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
