import { SentinelConnector } from 'ioredis'
import type { SentinelConnectionOptions } from 'ioredis'

type Connect = SentinelConnector['connect']

/**
 * ioredis 6.0's way to the master that the sentinels name, without two faults of its `failoverDetector`. That of a lost
 * connection lives on: if it hears of the switch while the sentinels are being asked for the next connection, it ends
 * that attempt, and the client counts as closed for ever. And that of a connection which was ended before it was made
 * is never ended.
 */
export class LastingSentinelConnector extends SentinelConnector {
  #hasDetector = false

  constructor(options: unknown) {
    super(options as SentinelConnectionOptions)
  }

  override async connect(onError: Parameters<Connect>[0]): ReturnType<Connect> {
    if (this.#hasDetector) super.disconnect()
    this.#hasDetector = false
    const stream = await super.connect(onError)
    // Comes after ioredis's own listener, which makes the detector.
    stream.once('connect', () => {
      this.#hasDetector = true
      if (!this.connecting) super.disconnect()
    })
    return stream
  }
}
