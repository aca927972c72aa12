import type { RequestDb } from '../../platform/database.ts'
import { faultOf } from './fault.ts'
import { addFaults } from './fault-repository.ts'
import type { SeenFault } from './fault-repository.ts'

/** So many kinds wait to be written; of further ones the log tells. */
const KINDS_MAX = 50

/** Where a process counts the errors that nobody had foreseen, until they are written: a flood of them is few rows. */
export interface FaultBook {
  /**
   * @param place the route, not the address that was asked for.
   * @param requestId by which the log is searched.
   */
  note(error: unknown, where: { place: string; requestId: string | undefined }): void
  /** Writes what was noted. What could not be written waits. */
  write(openDb: () => RequestDb): Promise<void>
}

export function createFaultBook(): FaultBook {
  let seen = new Map<string, SeenFault>()

  function add(fault: SeenFault): void {
    const before = seen.get(fault.fingerprint)
    if (!before && seen.size >= KINDS_MAX) return
    seen.set(fault.fingerprint, { ...fault, n: fault.n + (before?.n ?? 0) })
  }

  return {
    note(error, { place, requestId }) {
      add({ ...faultOf(error, place), requestId: requestId ?? null, n: 1 })
    },
    async write(openDb) {
      if (seen.size === 0) return
      const faults = [...seen.values()]
      seen = new Map()
      try {
        await openDb().call((primary) => addFaults(primary, faults), { silent: true })
      } catch (error) {
        const since = [...seen.values()]
        seen = new Map()
        for (const fault of [...faults, ...since]) add(fault)
        throw error
      }
    },
  }
}
