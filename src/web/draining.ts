import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'

/** Who asks regularly whether this process is ready, and sends it requests as long as it is. */
export interface Probe {
  readonly prober: string
  /** How many times in a row it must hear no before it sends nothing more. */
  readonly fall: number
}

/** What somebody who asks heard last. */
interface Heard {
  readonly fall: number
  readonly askedAt: number
  readonly refusals: number
}

/** The end of a process that others send requests to: first they learn of it, then it stops listening. */
export interface Draining {
  readonly hasBegun: boolean
  /** Notes what somebody who asks whether this process is ready is told. */
  noteProbe(probe: Probe, isReady: boolean): void
  /**
   * From now on this process is not ready, while it serves on.
   *
   * @returns when all who ask regularly have heard it as often as they need to, and at once when nobody asks.
   */
  begin(patienceMs: number): Promise<void>
}

/** Who has not asked for so long asks no more, in milliseconds. */
const REGULAR_MS = 10_000
const LOOK_MS = 20
/** Anybody may call himself a prober: so many are kept in mind. */
const PROBERS_MAX = 100
/** What was sent to us before the last answer arrived, in milliseconds. */
const ON_ITS_WAY_MS = 250

export function createDraining(): Draining {
  const probers = new LRUCache<string, Heard>({ max: PROBERS_MAX })
  let hasBegun = false

  function isUntold({ askedAt, refusals, fall }: Heard): boolean {
    return refusals < fall && Date.now() - askedAt < REGULAR_MS
  }

  return {
    get hasBegun() {
      return hasBegun
    },
    noteProbe({ prober, fall }, isReady) {
      const refusals = isReady ? 0 : (probers.get(prober)?.refusals ?? 0) + 1
      probers.set(prober, { fall, askedAt: Date.now(), refusals })
    },
    async begin(patienceMs) {
      hasBegun = true
      const waitsForSome = () => [...probers.values()].some(isUntold)
      if (!waitsForSome()) return
      const deadline = Date.now() + patienceMs
      while (waitsForSome() && Date.now() < deadline) await sleep(LOOK_MS)
      await sleep(ON_ITS_WAY_MS)
    },
  }
}
