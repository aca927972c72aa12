/** What a frame's document says about itself, as JSON in `#presenter-document`. */
export interface FrameDocument {
  /** The origin of the only page that may embed it. */
  site: string
  /** Null for code of the owner's own. */
  template: string | null
  settings: unknown
}
