import type { App } from '../../platform/app.ts'
import type { Tx } from '../../platform/postgres.ts'
import { mailHtml, mailText } from '../mails/mail-markup.ts'
import { queueNotice } from '../mails/mail-service.ts'
import { CHUNK, inChunks } from './in-chunks.ts'
import type { NoticeApp, Run } from './in-chunks.ts'
import {
  findPublishedPost,
  listNews,
  listOwners,
  listOwnersOf,
  listPostReaders,
  lockQuietProjects,
  noteQuiet,
} from './notice-repository.ts'
import type { ProjectNews, QuietProject, Reader } from './notice-repository.ts'

const WEEK_MS = 7 * 86_400_000

/** The week before the one that a time is in: from Monday to Monday, in UTC. */
export function weekBefore(now: Date): { since: string; until: string } {
  const midnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate())
  const monday = midnight - ((now.getUTCDay() + 6) % 7) * 86_400_000
  return { since: new Date(monday - WEEK_MS).toISOString(), until: new Date(monday).toISOString() }
}

/** Tells owners what came in for their projects last week; those whose projects got nothing hear nothing. */
export async function reportWeek(app: NoticeApp, run: Run, now = new Date()): Promise<void> {
  const week = weekBefore(now)
  await inChunks(app, run, async (tx, afterId) => {
    const owners = await listOwners(tx, afterId, CHUNK)
    const ids = owners.map(({ id }) => id)
    const news = Map.groupBy(ids.length > 0 ? await listNews(tx, ids, week) : [], ({ ownerId }) => ownerId)
    for (const owner of owners) await report(app, tx, owner, news.get(owner.id), week.until)
    return ids.at(-1)
  })
}

async function report(
  app: NoticeApp,
  tx: Tx,
  to: Reader,
  projects: ProjectNews[] | undefined,
  until: string,
): Promise<void> {
  if (!projects) return
  const count = projects.reduce((sum, { nNew }) => sum + nNew, 0)
  await queueNotice(app, tx, {
    to,
    kind: 'weekly-report',
    once: `weekly-report-${until.slice(0, 10)}-${to.id}`,
    subject: `Your projects last week: ${count} ${count === 1 ? 'answer' : 'answers'}`,
    template: 'weekly-report',
    view: {
      count,
      url: `${app.config.site.url}/account/projects`,
      projects: projects.map((project) => ({ ...project, url: projectUrl(app, project) })),
    },
  })
}

/** Days without a task run after which a project is quiet, as on PyBossa. */
const QUIET_DAYS = 90

/** Tells the owners of projects that have become quiet, once for each quiet spell. */
export async function tellQuietProjects(app: NoticeApp, run: Run): Promise<void> {
  await inChunks(app, run, async (tx) => {
    const projects = await lockQuietProjects(tx, QUIET_DAYS, CHUNK)
    for (const project of projects) await tellQuiet(app, tx, project)
    return projects.length === CHUNK ? 0 : undefined
  })
}

async function tellQuiet(app: NoticeApp, tx: Tx, project: QuietProject): Promise<void> {
  await noteQuiet(tx, project)
  for (const to of await listOwnersOf(tx, project.id)) {
    await queueNotice(app, tx, {
      to,
      kind: 'project',
      once: `quiet-${project.id}-${Date.parse(project.quietSince)}-${to.id}`,
      subject: `${project.name} has become quiet`,
      template: 'project-quiet',
      view: {
        projectName: project.name,
        since: project.quietSince.slice(0, 10),
        tasks: project.nOpenTasks,
        url: projectUrl(app, project),
      },
    })
  }
}

/** Tells contributors who asked for it of a blog post, unless it was withdrawn meanwhile. */
export async function announcePost(app: NoticeApp, run: Run, blogpostId: number): Promise<void> {
  await inChunks(app, run, async (tx, afterId) => {
    const post = await findPublishedPost(tx, blogpostId)
    if (!post) return undefined
    const readers = await listPostReaders(tx, post, afterId, CHUNK)
    for (const to of readers) {
      await queueNotice(app, tx, {
        to,
        kind: 'blogpost',
        once: `blogpost-${post.id}-${to.id}`,
        subject: `${post.projectName}: ${post.title}`,
        template: 'blogpost',
        view: {
          projectName: post.projectName,
          title: post.title,
          bodyHtml: mailHtml(post.body),
          bodyText: mailText(post.body),
          url: projectUrl(app, post),
        },
      })
    }
    return readers.at(-1)?.id
  })
}

function projectUrl({ config }: Pick<App, 'config'>, { shortName }: { shortName: string }): string {
  return `${config.site.url}/project/${encodeURIComponent(shortName)}/`
}
