/** The paths of opaque frames on the site's own host begin with this; the rest is that on a presenter host. */
export const OPAQUE_FRAMES = '/presenter-frame'

/** What a frame's document says about itself, as JSON in `#presenter-document`. */
export interface FrameDocument {
  /** The origin of the only page that may embed it. */
  site: string
  /** Null for code of the owner's own. */
  template: string | null
  settings: unknown
  /** Told to code of the owner's own, which has a stand-in for what it finds on PyBossa's page. */
  project?: { id: number; shortName: string }
}
