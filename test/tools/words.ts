/** The plural forms of one sentence end so. */
const PLURAL = /_(?:zero|one|two|few|many|other)$/

const COMMENT = /\{#[\s\S]*?#\}/g
const CODE = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g
const TAG = /<[^>]*>/g
const ATTRIBUTE = /[\w-]+="[^"]*"/g
const READ_ATTRIBUTE =
  /(?<![\w-])(?:title|alt|placeholder|label|aria-(?:label|description|roledescription|valuetext))="([^"]*)"/g
const ENTITY = /&#?\w+;/g
const LITERAL = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/g
const CALL = /\bt\(\s*(?:'([\w.]+)'\s*[,)])?/g

/** Names and paths within a template's code have neither a capital in front nor blanks; what people read has. */
const READ_LITERAL = /^\p{Lu}|\p{L}\s|\s\p{L}/u

/**
 * Words that a template says itself, keys that the catalogue has not, and keys that no template uses.
 *
 * @param templates their texts by path
 * @param catalogue words by key, nested
 */
export function wordProblems(templates: ReadonlyMap<string, string>, catalogue: object): string[] {
  const known = new Set(keysOf(catalogue).map((key) => key.replace(PLURAL, '')))
  const used = new Set<string>()
  const problems: string[] = []
  for (const [path, source] of templates) {
    problems.push(...wordsIn(source).map((found) => `${path}:${found}: put it into the catalogue`))
    for (const [call, key] of source.replace(COMMENT, blank).matchAll(CALL)) {
      if (key === undefined) problems.push(`${path}: ${call}…: give t a key in single quotes`)
      else if (!known.has(key)) problems.push(`${path}: “${key}” is not in the catalogue`)
      else used.add(key)
    }
  }
  const unused = [...known].filter((key) => !used.has(key))
  return [...problems, ...unused.map((key) => `“${key}” of the catalogue is used in no template`)]
}

function keysOf(node: object, prefix = ''): string[] {
  return Object.entries(node).flatMap(([name, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null ? keysOf(value, `${prefix}${name}.`) : [prefix + name],
  )
}

/** What a template lets people read outside of t(), each with its line. */
function wordsIn(source: string): string[] {
  const bare = source.replace(COMMENT, blank)
  const markup = bare.replace(CODE, blank)
  const literals = [...bare.matchAll(CODE)].flatMap((code) =>
    [...code[0].matchAll(LITERAL)]
      .filter((literal) => READ_LITERAL.test(literal[1] ?? literal[2] ?? ''))
      .map((literal) => [literal[0], code.index + literal.index] as const),
  )
  // Also those that a macro gives without the tag around them.
  const attributes = [...markup.matchAll(READ_ATTRIBUTE)]
    .filter(([, value = '']) => hasLetters(value))
    .map((attribute) => [attribute[0], attribute.index] as const)
  const texts = [
    ...markup
      .replace(ATTRIBUTE, blank)
      .replace(TAG, bar)
      .matchAll(/[^|\n]+/g),
  ]
    .filter(([text]) => hasLetters(text))
    .map((text) => [text[0], text.index] as const)
  return [...literals, ...attributes, ...texts]
    .sort(([, one], [, other]) => one - other)
    .map(
      ([text, index]) =>
        `${source.slice(0, index).split('\n').length}: “${text.replace(/\s+/g, ' ').trim()}”`,
    )
}

function hasLetters(text: string): boolean {
  return /\p{L}/u.test(text.replace(ENTITY, ''))
}

/** As long as the text, and on as many lines. */
function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

/** The same with a sign that parts what stands before and after. */
function bar(text: string): string {
  return text.replace(/[^\n]/g, '|')
}
