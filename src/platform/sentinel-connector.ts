import type { Socket } from 'node:net'
import { Redis, SentinelConnector } from 'ioredis'
import type { SentinelConnectionOptions } from 'ioredis'

type Connect = SentinelConnector['connect']

const SWITCHED = '+switch-master'
/** How long a sentinel that is away is left alone, in milliseconds. */
const AWAY_MS = 5_000

/**
 * ioredis's way to the master that the sentinels name, which leaves a master as soon as the first of them names another
 * one. ioredis 6.0 itself (its `failoverDetector`, not to be used with this) does so for each master that any of them
 * switches, and once more for each sentinel that tells of it later; it listens to them only once it is connected, and
 * goes on for ever where that never came to be.
 */
export class WatchfulSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions)
  }

  override async connect(onError: Parameters<Connect>[0]): ReturnType<Connect> {
    const stream = await super.connect(onError)
    const watchers = (this.options.sentinels ?? []).map(({ host, port }) =>
      watch({ host: host ?? '', port: port ?? 0 }, this.options, stream),
    )
    stream.once('close', () => {
      for (const watcher of watchers) watcher.disconnect()
    })
    return stream
  }
}

/** Ends a connection, or an attempt at one, when a sentinel tells that its master is elsewhere. */
function watch(
  sentinel: { readonly host: string; readonly port: number },
  { name, sentinelPassword, connectTimeout }: SentinelConnectionOptions,
  stream: Socket,
): Redis {
  const watcher = new Redis({
    ...sentinel,
    ...(sentinelPassword ? { password: sentinelPassword } : {}),
    ...(connectTimeout === undefined ? {} : { connectTimeout }),
    autoResubscribe: false,
    enableReadyCheck: false,
    replyMapping: 'legacy',
    retryStrategy: () => AWAY_MS,
  })
  // Another one tells it too.
  watcher.on('error', () => undefined)
  watcher.on('ready', () => void watcher.subscribe(SWITCHED).catch(() => undefined))
  watcher.on('message', (_channel: string, told: string) => {
    const [master, , , host, port] = told.split(' ')
    if (master !== name) return
    if (stream.remoteAddress !== host || stream.remotePort !== Number(port)) stream.destroy()
  })
  return watcher
}
