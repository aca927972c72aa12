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
    .replace(/^-+|-+$/g, '')
    .slice(0, 60)
    .replace(/-+$/, '')
}
