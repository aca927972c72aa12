import type { BridgeInit, FrameMessage, HostMessage, Json } from '../../lib/bridge.ts'

export interface BridgeReply {
  /** Status of the site's API; 0 when it could not be reached, 202 when a task run waits in the browser. */
  status: number
  body: Json
}

/** The frame's end of the bridge, past its setting up. */
export interface BridgeClient {
  readonly init: BridgeInit
  /** Asks the host for something on its allow-list. Never rejects. */
  request(
    method: 'GET' | 'POST',
    path: string,
    content?: { query?: Record<string, string>; body?: Json },
  ): Promise<BridgeReply>
  send(message: FrameMessage): void
  onMessage(listener: (message: HostMessage) => void): void
}
