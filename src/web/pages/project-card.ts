import MarkdownIt from 'markdown-it'
import sanitizeHtml from 'sanitize-html'
import { drawnPicture } from '../../lib/drawn-picture.ts'
import type { Project, ProjectTotals, ProjectWithTotals } from '../../domain/projects/project-service.ts'

/** A project as pages and their JSON show it. */
export interface ProjectCard {
  id: number
  name: string
  shortName: string
  description: string
  /** Its page, ending in a slash. */
  url: string
  thumbnailUrl: string | null
  /** The same for screens of all kinds, where the site drew it. */
  thumbnailSrcset: string | null
  isPublished: boolean
  progress: ProjectTotals & { percent: number }
}

/** What a card shows; percent counts task runs, since tasks are done only at the end. */
export function projectCard({ project, totals }: ProjectWithTotals): ProjectCard {
  return {
    id: project.id,
    name: project.name,
    shortName: project.shortName,
    description: project.description,
    url: projectUrl(project),
    thumbnailUrl: project.thumbnailUrl,
    thumbnailSrcset: drawnPicture(project.thumbnailUrl)?.srcset ?? null,
    isPublished: project.published,
    progress: { ...totals, percent: percentOf(totals) },
  }
}

/** The address of a project's page. */
export function projectUrl(project: Pick<Project, 'shortName'>): string {
  return `/project/${encodeURIComponent(project.shortName)}/`
}

function percentOf({ nTaskRuns, nWanted }: ProjectTotals): number {
  return nWanted === 0 ? 0 : Math.min(100, Math.floor((100 * nTaskRuns) / nWanted))
}

const markdown = new MarkdownIt({ html: true, linkify: true })

/**
 * What an owner wrote about a project, made safe to stand on the site's own page: no scripts, no styles, no pictures
 * from elsewhere. The stored text stays as it was written.
 */
export function safeDescription(text: string | null): string {
  return sanitizeHtml(markdown.render(text ?? ''), {
    allowedTags: sanitizeHtml.defaults.allowedTags.filter((tag) => tag !== 'img'),
    allowedAttributes: { a: ['href', 'rel'] },
    allowedSchemes: ['http', 'https', 'mailto'],
    transformTags: {
      h1: 'h2',
      a: sanitizeHtml.simpleTransform('a', { rel: 'nofollow noopener' }),
    },
  })
}
