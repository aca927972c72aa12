// The words of the contribute page's script and of the ready templates. English is the source; a catalogue of another
// language, in src/locales/frames, has the same keys as PRESENTER_STRINGS. Plurals end in the categories of Intl.PluralRules, `{count}` and the like are filled in.

export const CONTRIBUTE_STRINGS = {
  frameTitle: 'Task of {project}',
  ownCount_one: '{count} answer from you',
  ownCount_other: '{count} answers from you',
  projectProgress_one: '{given} of {count} answer',
  projectProgress_other: '{given} of {count} answers',
  saving: 'Saving…',
  saved: 'Saved',
  waiting_one: '{count} answer waiting to be sent',
  waiting_other: '{count} answers waiting to be sent',
  skipped_one:
    'Nothing else is left for you now. The task you skipped comes back tomorrow, unless others have answered it by then.',
  skipped_other:
    'Nothing else is left for you now. The {count} tasks you skipped come back tomorrow, unless others have answered them by then.',
  refused: 'Your last answer could not be saved: {reason}',
  refusedOlder: 'An answer from earlier could not be saved: {reason}',
  alreadyAnswered: 'You had already answered this task. Your first answer stays.',
  signInToSend: 'You are signed out. Sign in again and your answer will be sent.',
  signInToGoOn: 'You are signed out. Sign in again to go on.',
  refusedUnknown: 'the site refused it',
  undoFailed: 'Your last answer could not be taken back.',
  tooQuick: 'You are quicker than the site allows. It goes on by itself in {seconds} seconds.',
  slow: 'The task is taking long to load. Check your connection.',
  silent: 'The task does not begin. Its owner may have made a mistake in it.',
  tryAgain: 'Load the task again',
  left: 'The task page went elsewhere. Load it again to go on.',
  stopped: 'The task page sent too much at once and was stopped. Load it again to go on.',
  previewSaved: 'Preview: this answer is not saved.',
  previewEmpty: 'Add tasks to see them here.',
} as const

export const PRESENTER_STRINGS = {
  /** Which one these words are of. */
  language: 'en',
  loading: 'Loading the next task…',
  mediaLoading: 'Loading…',
  mediaFailed: 'This task could not be shown.',
  pictureFailed: 'The picture could not be loaded.',
  pictureMissing: 'This task has no picture.',
  pictureAlt: 'Picture of this task',
  retry: 'Try again',
  skip: 'Skip this task',
  zoomIn: 'Enlarge the picture',
  zoomOut: 'Show the whole picture',
  submit: 'Submit',
  comment: 'Comment',
  commentAdd: 'Add a comment',
  shown: 'Next task. {question}',
  offline: 'The connection is lost. Trying again…',
  refused: 'No task could be loaded: {reason}',
  refusedUnknown: 'the site did not say why.',
  finished: 'You have answered every task there is for you. Thank you.',
  slow: 'This task takes long to load. What it shows may be gone. You can skip it.',
  faulty: 'Something in this task does not work. Its owner may have made a mistake in it. You can skip it.',
  completed: 'That task already has all its answers. Here is another one.',
  notEmbedded: 'This page only works inside a project. Open the project and start there.',
} as const

export type ContributeStrings = Record<keyof typeof CONTRIBUTE_STRINGS, string>
export type PresenterStrings = Record<keyof typeof PRESENTER_STRINGS, string>

/** The catalogue with what a translation offers in its place; unknown keys and other types are left out. */
export function withTranslation<K extends string>(
  english: Readonly<Record<K, string>>,
  translation: Readonly<Record<string, unknown>>,
): Record<K, string> {
  const keys = Object.keys(english) as K[]
  const pairs = keys.map((key) => {
    const translated = Object.hasOwn(translation, key) ? translation[key] : undefined
    return [key, typeof translated === 'string' && translated !== '' ? translated : english[key]] as const
  })
  return Object.fromEntries(pairs) as Record<K, string>
}

/** `{name}` in a text replaced by its value; a name without a value stays as it is. */
export function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
  )
}
