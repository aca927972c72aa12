import { hash } from 'node:crypto'

/** SHA-256 (hexadecimal) of a JSON value's content: the same for objects whose keys stand in another order. */
export function contentHash(value: unknown): string {
  return hashOfCanonical(canonicalJson(value))
}

/** The content hash of what `canonicalJson` wrote. */
export function hashOfCanonical(text: string): string {
  return hash('sha256', text, 'hex')
}

/** A JSON value as text, with the keys of its objects in the order of their code units. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = value as Readonly<Record<string, unknown>>
  let text = ''
  for (const key of Object.keys(members).sort()) {
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(members[key])}`
  }
  return `{${text}}`
}
