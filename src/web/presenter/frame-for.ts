import type { Context } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import type { TemplatePresenter } from '../../domain/presenters/templates.ts'
import type { Project } from '../../domain/projects/project-service.ts'
import type { FramePermission } from '../../lib/frame-permissions.ts'
import { OPAQUE_FRAMES } from '../../lib/presenter-settings.ts'
import { allowAttribute, delegatePermissions } from './frame-permissions.ts'
import { frameWords } from './frame-words.ts'
import {
  OPAQUE_SANDBOX,
  ORIGIN_SANDBOX,
  canUseOwnHosts,
  framePathFor,
  presenterOriginOf,
} from './presenter-origin.ts'
import { sealTicket } from './presenter-ticket.ts'
import type { PresenterTicket } from './presenter-ticket.ts'

/** What a page needs to embed a presenter: the attributes of templates/components/frame.html. */
export interface PresenterFrame {
  url: string
  /** The origin to expect, "null" for the opaque sandbox. */
  origin: string
  sandbox: string
  allow: string
  /** What the presenter may ask of the visitor's device: the page says so. */
  permissions: readonly FramePermission[]
  locale: string
  /** Words of the frame in that language. */
  words: Readonly<Record<string, string>>
}

/**
 * The frame for a project's presenter on the page that is being answered, which passes on to it what its owner allowed.
 * The caller has checked that this person may see it; the ticket in the address is good for five minutes.
 *
 * @param shown a stored version, its tutorial, the project's results, a template's settings that are not saved yet, or a
 *   draft of code or of its tutorial.
 */
export async function frameFor(
  app: Pick<App, 'config' | 'sealer'>,
  ctx: Context,
  project: Pick<Project, 'id' | 'framePermissions'>,
  shown: Exclude<PresenterTicket['shown'], { draft: unknown }> | { draft: TemplatePresenter },
): Promise<PresenterFrame> {
  const permissions = project.framePermissions
  const locale = ctx.state.viewer?.locale ?? 'en'
  const ticket = await sealTicket(app, {
    project: project.id,
    shown: 'draft' in shown ? { draft: draftOf(shown.draft) } : shown,
    site: originOfPage(ctx, app.config.site.url),
    locale,
    permissions,
  })
  const address = `${framePathFor(ctx.path)}?ticket=${ticket}`
  const origin = frameOrigin(app, ctx, project)
  delegatePermissions(ctx, permissions, origin)
  const common = {
    origin,
    allow: allowAttribute(permissions),
    permissions,
    locale,
    words: frameWords(locale),
  }
  return origin === 'null'
    ? { ...common, url: OPAQUE_FRAMES + address, sandbox: OPAQUE_SANDBOX }
    : { ...common, url: origin + address, sandbox: ORIGIN_SANDBOX }
}

/** The origin of a project's frame on the page that is being answered; "null" for the opaque sandbox. */
export function frameOrigin(app: Pick<App, 'config'>, ctx: Context, { id }: Pick<Project, 'id'>): string {
  const { presenterOrigin, url } = app.config.site
  return canUseOwnHosts(presenterOrigin, url, ctx.host) ? presenterOriginOf(presenterOrigin, id) : 'null'
}

/** Parsed, so that a made-up Host header cannot write more than an origin into the frame's policy. */
function originOfPage(ctx: Context, siteUrl: string): string {
  const written = `${ctx.protocol}://${ctx.host}`
  return new URL(URL.canParse(written) ? written : siteUrl).origin
}

function draftOf({ template, settings }: TemplatePresenter) {
  return { template, settings: { ...settings } }
}
