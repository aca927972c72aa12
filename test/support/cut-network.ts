import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Ending } from './servers.ts'

export interface CutNetwork {
  readonly port: number
  /** Says where the connections lead. */
  leadTo(port: number): void
  /** Ends every connection at once, whatever is under way on it, and lets no other begin. */
  cut(): void
  mend(): void
}

/** A network between people and the site that can be cut in two. */
export async function startCutNetwork(t: Ending): Promise<CutNetwork> {
  const open = new Set<Socket>()
  let target = 0
  let isCut = false
  const server = createServer((near) => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket)
      socket
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(socket)
          other.destroy()
        })
      socket.pipe(other)
    }
  })
  const cut = () => {
    isCut = true
    for (const socket of open) socket.destroy()
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    cut()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    port: (server.address() as AddressInfo).port,
    leadTo(port) {
      target = port
    },
    cut,
    mend() {
      isCut = false
    },
  }
}
