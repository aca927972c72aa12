import type { Tx } from './postgres.ts'

const things = new WeakMap<Tx, Set<string>>()

/** Notes that a transaction changes things: once it has committed, remembered values made of them hold no longer. */
export function noteChanged(tx: Tx, ...names: readonly string[]): void {
  const noted = things.get(tx) ?? new Set()
  for (const name of names) noted.add(name)
  things.set(tx, noted)
}

/** What was noted for a transaction. */
export function changedBy(tx: Tx): readonly string[] {
  return [...(things.get(tx) ?? [])]
}
