import { latestPosition } from './position.ts'
import type { PositionMemory } from './position.ts'
import { isDatabaseOverloaded } from './postgres.ts'

/** Names to look a position up by may be fewer than those it is remembered under, and others. */
export type PositionUse = 'look' | 'remember'

/** Who reads and writes, as far as it matters what their reads must see. */
export interface PositionOwner {
  /** A position the caller brought along (cookie, header, job payload). */
  readonly position?: string | undefined
  /** Under which names the caller's positions are remembered, as far as they are known by now. */
  readonly positionNames?: ((use: PositionUse) => readonly string[]) | undefined
  /**
   * Whoever wrote lately brings a position along, so that those who bring none need not be looked up. What is remembered
   * tells only whether another request of theirs was later.
   */
  readonly keepsPosition?: boolean
}

/** What one caller's reads must see. */
export interface OwnPosition {
  /** Of this request's own commit; else the latest that was brought along or is remembered. */
  wanted(): Promise<string | undefined>
  noteCommit(): void
  /** Of this request's own commit; 'unknown' where the primary could not be asked after it. Never rejects. */
  committed(): Promise<string> | undefined
  /** The same, once it is remembered too. */
  told(): Promise<string | undefined>
}

/** @param readPosition asks the primary, after a commit; undefined when no replica could miss it. */
export function createOwnPosition(
  { position, positionNames, keepsPosition = false }: PositionOwner,
  positions: PositionMemory,
  readPosition: (() => Promise<string>) | undefined,
): OwnPosition {
  let known: { names: string; position: Promise<string | undefined> } | undefined
  let committed: Promise<string> | undefined
  let remembered: Promise<unknown> | undefined

  async function find(names: readonly string[]): Promise<string | undefined> {
    if (position === undefined && keepsPosition) return undefined
    const kept = names.length === 0 ? undefined : await positions.positionFor(names)
    if (position === 'unknown') return position
    if (kept === 'away') return keepsPosition ? position : 'unknown'
    return latestPosition([position, kept].filter((one) => one !== undefined))
  }

  return {
    wanted() {
      if (committed) return committed
      const names = positionNames?.('look') ?? []
      // More may be known of who asks than before.
      if (known?.names !== names.join('\n')) known = { names: names.join('\n'), position: find(names) }
      return known.position
    },
    noteCommit() {
      if (!readPosition) return
      // What is committed stays so, whatever becomes of the question where. One connection that breaks is not all of them.
      committed = readPosition()
        .catch((error: unknown) => {
          if (isDatabaseOverloaded(error)) throw error
          return readPosition()
        })
        .catch(() => 'unknown')
      const names = positionNames?.('remember') ?? []
      remembered = committed.then(async (value) => {
        if (names.length > 0) await positions.remember(names, value)
      })
      // Whoever awaits it sees a failure; a request that does not must not end the process.
      remembered.catch(() => undefined)
    },
    committed: () => committed,
    async told() {
      await remembered
      return committed
    },
  }
}
