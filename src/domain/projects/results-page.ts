import type { Project } from './project-service.ts'

/** The HTML that owners publish their results with, as PyBossa keeps it: `info.results`; null while there is none. */
export function resultsPageOf({ info }: Pick<Project, 'info'>): string | null {
  const html = info['results']
  return typeof html === 'string' && html.trim() !== '' ? html : null
}
