/** What an owner sets for the ready template `image-classification`. */
export interface ImageClassificationSettings {
  question: string
  /** 2 to 9, because each has a number key. */
  choices: string[]
  /** The key of a task's info that holds the picture's address. */
  pictureColumn: string
}

/** What a frame's document says about itself, as JSON in `#presenter-document`. */
export interface FrameDocument {
  /** The origin of the only page that may embed it. */
  site: string
  /** Null for code of the owner's own. */
  template: string | null
  settings: unknown
}
