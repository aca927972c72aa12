import { z } from 'zod'
import { FRAME_PERMISSIONS } from '../../lib/frame-permissions.ts'
import type { App } from '../../platform/app.ts'

/** Long enough to load a page, short enough that a copied address is soon worth nothing. */
const TICKET_SECONDS = 300
const PURPOSE = 'presenter'

const Shown = z.union([
  z.strictObject({ version: z.int().positive() }),
  /** The tutorial of that version, or the project's page of results: HTML that the owner wrote. */
  z.strictObject({ tutorialOf: z.int().positive() }),
  z.strictObject({ results: z.literal(true) }),
  /** Code that is being written is too long for an address: its draft is named. */
  z.strictObject({ codeDraft: z.int().positive(), part: z.enum(['presenter', 'tutorial']) }),
  z.strictObject({
    draft: z.strictObject({ template: z.string(), settings: z.record(z.string(), z.json()) }),
  }),
])

const Ticket = z.strictObject({
  project: z.int().positive(),
  shown: Shown,
  /** Origin of the page that may embed the frame. */
  site: z.string(),
  locale: z.string(),
  /** What it may ask of the visitor's device. */
  permissions: z.array(z.enum(FRAME_PERMISSIONS)),
})

/** What one frame may show, and to which page. */
export type PresenterTicket = z.infer<typeof Ticket>

export function sealTicket(app: Pick<App, 'sealer'>, ticket: PresenterTicket): Promise<string> {
  return app.sealer.seal(PURPOSE, ticket, TICKET_SECONDS)
}

/** The ticket, unless it is forged, too old or none at all. */
export async function openTicket(
  app: Pick<App, 'sealer'>,
  sealed: string | string[] | undefined,
): Promise<PresenterTicket | undefined> {
  if (typeof sealed !== 'string') return undefined
  return Ticket.safeParse(await app.sealer.open(PURPOSE, sealed)).data
}
