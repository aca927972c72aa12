/**
 * Words that mean the same as one of our vocabulary (docs/architecture.md) and are therefore not used in names. Keys
 * are lower-case words of an identifier, one or two in sequence; the value says what to write instead.
 */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['volunteer', 'contributor'],
  ['annotator', 'contributor'],
  ['answerer', 'contributor'],
  ['labeler', 'contributor'],
  ['labeller', 'contributor'],
  ['participant', 'contributor'],
  ['tasker', 'contributor'],
  ['crowdworker', 'contributor'],
  ['worker', 'contributor (a worker is the process that runs background jobs, and only there)'],
  ['task submission', 'task run'],
  ['annotation', 'task run'],
  ['judgment', 'task run'],
  ['judgement', 'task run'],
  ['hit', 'task'],
  ['workunit', 'task'],
  ['work unit', 'task'],
  ['work item', 'task'],
  ['microtask', 'task'],
  ['subtask', 'task'],
  ['reservation', 'lease'],
  ['task lock', 'lease'],
  ['task assignment', 'lease'],
  ['replication', 'redundancy'],
  ['overlap', 'redundancy'],
  ['gold', 'calibration task'],
  ['golden task', 'calibration task'],
  ['widget', 'presenter'],
  ['consensus', 'result'],
  ['requester', 'owner'],
  ['campaign', 'project'],
  ['app id', 'project'],
  ['app name', 'project'],
  ['app short', 'project'],
  ['app owner', 'project'],
])

/** A thing called so is a task run. As a verb, or of a server, the word stands earlier in the name. */
const ANSWER = 'answer'

/** Names that say nothing, as a file's stem or as the end of a type's or function's name. */
const EMPTY_WORDS: ReadonlySet<string> = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'manager'])
const EMPTY_STEMS: ReadonlySet<string> = new Set([...EMPTY_WORDS, 'data', 'base', 'misc', 'stuff'])

/** The lower-case words of an identifier or file name: `maxNAnswers` is max, n, answers. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase())
}

/**
 * What is wrong with a name, as a sentence, or undefined.
 *
 * @param allowed words that are right in this place, such as `worker` where the queue is run
 */
export function synonymIn(name: string, allowed: readonly string[] = []): string | undefined {
  // PyBossa's n_answers is ours as well.
  const words = wordsOf(name.replace(/n_?answers/gi, ''))
  if (singular(words.at(-1) ?? '') === ANSWER && !allowed.includes(ANSWER))
    return advice(name, ANSWER, 'task run')
  for (let start = 0; start < words.length; start += 1) {
    for (const length of [1, 2]) {
      const word = singular(words.slice(start, start + length).join(' '))
      const instead = SYNONYMS.get(word)
      if (instead !== undefined && !allowed.includes(word)) return advice(name, word, instead)
    }
  }
  return undefined
}

function singular(word: string): string {
  return word.replace(/s$/, '')
}

function advice(name: string, word: string, instead: string): string {
  return `“${name}”: say ${instead}, not “${word}”`
}

/** What is wrong with the name of a type or function that ends in a word which says nothing. */
export function emptyWordIn(name: string): string | undefined {
  const last = wordsOf(name).at(-1)
  if (last === undefined || !EMPTY_WORDS.has(last)) return undefined
  return `“${name}”: “${last}” says nothing; name what it does`
}

/**
 * What is wrong with a file's or folder's name.
 *
 * @param part one part of a path, such as `task-service.ts`
 */
export function badFileName(part: string, allowed: readonly string[] = []): string | undefined {
  const stem = part.replace(/(\.test)?\.\w+$/, '')
  if (EMPTY_STEMS.has(stem)) return `“${part}” says nothing; name what is in it`
  return emptyWordIn(stem) ?? synonymIn(stem, allowed)
}
