/** How many messages a second a frame may send, and how many at once. A resize on each animation frame fits in. */
const PER_SECOND = 120
const BURST = 400
/** So many over the limit and the frame is stopped: it only costs the visitor's battery. */
const DROPPED_MAX = 2_000

export type MessageVerdict = 'read' | 'drop' | 'stop'

/** A token bucket over the messages of one frame. `now` in milliseconds, from a clock that never goes back. */
export function createMessageLimit(): (now: number) => MessageVerdict {
  let tokens = BURST
  let last: number | undefined
  let dropped = 0
  return (now) => {
    tokens = Math.min(BURST, tokens + ((now - (last ?? now)) / 1000) * PER_SECOND)
    last = now
    if (tokens >= 1) {
      tokens -= 1
      return 'read'
    }
    dropped += 1
    return dropped > DROPPED_MAX ? 'stop' : 'drop'
  }
}
