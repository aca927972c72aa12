/** Which server answered a read, and why. */
export type ReadRoute =
  /** A replica, as it should be. */
  | 'replica'
  /** The primary, because it must be true now. */
  | 'primary: must be true'
  /** The primary, because the replica does not show yet what this caller wrote. */
  | 'primary: replica behind'
  /** The primary, because the replica gave the read up to go on following it. */
  | 'primary: replica busy'
  /** The primary, because nobody can tell what this caller wrote. */
  | 'primary: position unknown'
  /** The primary, because the read pool leads nowhere, or leads there: no replica is up, or the primary has a share. */
  | 'primary: no replica'
  /** A replica that may not show everything, because the primary is away. */
  | 'replica: primary away'

/** What is known of the servers, from what came of the last queries. */
export interface DatabaseHealth {
  /** Reads since this process began. */
  readonly reads: ReadonlyMap<ReadRoute, number>
  countRead(route: ReadRoute): void
  /** What came of the last query to the primary. */
  notePrimary(isAway: boolean): void
  isPrimaryAway(): boolean
}

export function createHealth(): DatabaseHealth {
  const reads = new Map<ReadRoute, number>()
  let isAway = false
  return {
    reads,
    countRead(route) {
      reads.set(route, (reads.get(route) ?? 0) + 1)
    },
    notePrimary(isNowAway) {
      isAway = isNowAway
    },
    isPrimaryAway: () => isAway,
  }
}
