/** By whole characters: half a surrogate pair is no letter. */
const TOO_LONG = /^(.{60}).+$/u

/**
 * A proposal for a project's short name: the letters and digits of its name, in lower case and without accents, with
 * dashes between. Empty when the name has none.
 */
export function proposedShortName(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/['’]/g, '')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+/, '')
    .replace(TOO_LONG, '$1')
    .replace(/-+$/, '')
}
