import type { Context } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import type { TemplatePresenter } from '../../domain/presenters/templates.ts'
import {
  OPAQUE_FRAMES,
  OPAQUE_SANDBOX,
  ORIGIN_SANDBOX,
  canUseOwnHosts,
  framePathFor,
  presenterOriginOf,
} from './presenter-origin.ts'
import { sealTicket } from './presenter-ticket.ts'
import type { PresenterTicket } from './presenter-ticket.ts'

/** What a page needs to embed a presenter: the data-frame-* attributes of src/browser/contribute/contribute.ts. */
export interface PresenterFrame {
  url: string
  /** The origin to expect, "null" for the opaque sandbox. */
  origin: string
  sandbox: string
}

/**
 * The frame for a project's presenter on the page that is being answered. The caller has checked that this person may
 * see it; the ticket in the address is good for five minutes.
 *
 * @param shown a stored version, its tutorial, the project's results, a template's settings that are not saved yet, or a
 *   draft of code or of its tutorial.
 */
export async function frameFor(
  app: Pick<App, 'config' | 'sealer'>,
  ctx: Context,
  projectId: number,
  shown: Exclude<PresenterTicket['shown'], { draft: unknown }> | { draft: TemplatePresenter },
): Promise<PresenterFrame> {
  const { presenterOrigin, url } = app.config.site
  const ticket = await sealTicket(app, {
    project: projectId,
    shown: 'draft' in shown ? { draft: draftOf(shown.draft) } : shown,
    site: originOfPage(ctx, url),
    locale: ctx.state.viewer?.locale ?? 'en',
  })
  const address = `${framePathFor(ctx.path)}?ticket=${ticket}`
  if (!canUseOwnHosts(presenterOrigin, url, ctx.host)) {
    return { url: OPAQUE_FRAMES + address, origin: 'null', sandbox: OPAQUE_SANDBOX }
  }
  const origin = presenterOriginOf(presenterOrigin, projectId)
  return { url: origin + address, origin, sandbox: ORIGIN_SANDBOX }
}

/** Parsed, so that a made-up Host header cannot write more than an origin into the frame's policy. */
function originOfPage(ctx: Context, siteUrl: string): string {
  const written = `${ctx.protocol}://${ctx.host}`
  return new URL(URL.canParse(written) ? written : siteUrl).origin
}

function draftOf({ template, settings }: TemplatePresenter) {
  return { template, settings: { ...settings } }
}
