/**
 * What is chosen by a pattern of its name.
 *
 * @throws Error when nothing is: a proof of nothing would hold.
 */
export function chosen<T extends { readonly name: string }>(all: readonly T[], word: string): readonly T[] {
  const pattern = new RegExp(word)
  const some = all.filter(({ name }) => pattern.test(name))
  if (some.length > 0) return some
  throw new Error(`“${word}” chooses none of these: ${all.map(({ name }) => name).join(', ')}`)
}
