import { isId } from '../../lib/bridge.ts'
import type { BridgeProject } from '../../lib/bridge.ts'
import { CONTRIBUTE_STRINGS, withTranslation } from '../../lib/contribute-strings.ts'
import type { ContributeStrings } from '../../lib/contribute-strings.ts'

/** What the server wrote into the root element of the page. */
export interface PageSettings {
  root: HTMLElement
  stage: HTMLElement
  frame: { url: string; origin: string; sandbox: string }
  project: BridgeProject
  taskId: number | null
  contributor: string
  presenterVersion: string | undefined
  ownCount: number
  answersGiven: number
  answersWanted: number
  finishedUrl: string | undefined
  locale: string
  strings: ContributeStrings
  presenterStrings: Record<string, string>
}

/** @throws Error when the page breaks the contract: nothing could be shown then. */
export function readPageSettings(rootId: string): PageSettings {
  const root = mustFind(rootId)
  const { dataset } = root
  const taskId = Number(dataset['taskId'])
  return {
    root,
    stage: mustFind('presenter-stage'),
    frame: {
      url: dataset['frameUrl'] ?? '',
      origin: dataset['frameOrigin'] ?? 'null',
      sandbox: dataset['frameSandbox'] ?? 'allow-scripts',
    },
    project: {
      id: Number(dataset['projectId']),
      short_name: dataset['shortName'] ?? '',
      name: dataset['projectName'] ?? '',
      description: dataset['projectDescription'] ?? '',
    },
    taskId: isId(taskId) ? taskId : null,
    contributor: dataset['contributor'] ?? '',
    presenterVersion: dataset['presenterVersion'],
    ownCount: count(dataset['ownCount']),
    answersGiven: count(dataset['answersGiven']),
    answersWanted: count(dataset['answersWanted']),
    finishedUrl: dataset['finishedUrl'],
    locale: document.documentElement.lang || 'en',
    strings: withTranslation(CONTRIBUTE_STRINGS, jsonObject(dataset['strings'])),
    presenterStrings: texts(jsonObject(dataset['presenterStrings'])),
  }
}

function mustFind(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (!element) throw new Error(`The page has no #${id}`)
  return element
}

function count(text: string | undefined): number {
  const number = Number(text)
  return Number.isFinite(number) ? Math.max(0, number) : 0
}

function jsonObject(text: string | undefined): Record<string, unknown> {
  const value = JSON.parse(text || '{}') as unknown
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function texts(values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
