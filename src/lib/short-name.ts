const LENGTH_MAX = 60

/**
 * A proposal for a project's short name: the letters and digits of its name, in lower case and without accents, with
 * dashes between. Empty when the name has none.
 */
export function proposedShortName(name: string): string {
  const whole = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/['’]/g, '')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+/, '')
  // By whole characters: half a surrogate pair is no letter.
  return [...whole].slice(0, LENGTH_MAX).join('').replace(/-+$/, '')
}
