/** One value of an info. `url` when it is an address that a browser can open. */
export interface ReadableValue {
  text: string
  url: string | null
}

/** An info as people read it: a lone value, or names with their values. */
export type ReadableInfo = ReadableValue | { pairs: (ReadableValue & { name: string })[] }

const PICTURE = /\.(jpe?g|png|gif|webp|svg)(\?|$)/i

/** What is in the info of a task or of a task run: `{"answer": "Yes"}` reads Yes. */
export function readableInfo(info: unknown): ReadableInfo {
  if (typeof info !== 'object' || info === null || Array.isArray(info)) return readableValue(info)
  const pairs = Object.entries(info).map(([name, value]) => ({ name, ...readableValue(value) }))
  const [only] = pairs
  if (!only) return readableValue(info)
  const isLoneText =
    pairs.length === 1 && only.name === 'answer' && typeof Object.values(info)[0] === 'string'
  return isLoneText ? { text: only.text, url: only.url } : { pairs }
}

function readableValue(value: unknown): ReadableValue {
  if (typeof value !== 'string') return { text: JSON.stringify(value), url: null }
  return { text: value, url: isAddress(value) ? value : null }
}

/** An address of the web, or of a picture on this site. */
function isAddress(text: string): boolean {
  if (/^https?:\/\//i.test(text)) return !/\s/.test(text) && URL.canParse(text)
  return /^\/[^/\\\s][^\s]*$/.test(text) && PICTURE.test(text)
}
