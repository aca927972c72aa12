import { listOpenProjects } from '../projects/project-service.ts'
import { queueNotice } from '../mails/mail-service.ts'
import { CHUNK, inChunks } from './in-chunks.ts'
import type { NoticeApp, Run } from './in-chunks.ts'
import { listAbsent } from './invitation-repository.ts'

/** Projects that an invitation names. */
const NAMED = 3

/**
 * Writes to people who asked for a word when they are away: who gave their last answer three to twelve months ago, and who
 * signed up that long ago and has given none. Nobody is called while there is nothing to do.
 */
export async function inviteBack(app: NoticeApp, run: Run, now = new Date()): Promise<void> {
  const { url, name: site } = app.config.site
  const open = await listOpenProjects(run.openDb(), NAMED)
  if (open.length === 0) return
  const projects = open.map(({ project: { name, description, shortName } }) => ({
    name,
    description,
    url: `${url}/project/${encodeURIComponent(shortName)}/`,
  }))
  await inChunks(app, run, async (tx, afterId) => {
    const absent = await listAbsent(tx, afterId, CHUNK)
    for (const { hasContributed, ...to } of absent) {
      await queueNotice(app, tx, {
        to,
        kind: 'invitation',
        once: `invitation-${quarterOf(now)}-${to.id}`,
        subject: hasContributed ? `We miss you on ${site}` : `Your first task on ${site}`,
        template: 'invitation',
        view: { hasContributed, projects, url: `${url}/project/` },
      })
    }
    return absent.at(-1)?.id
  })
}

function quarterOf(now: Date): string {
  return `${now.getUTCFullYear()}-${Math.floor(now.getUTCMonth() / 3) + 1}`
}
