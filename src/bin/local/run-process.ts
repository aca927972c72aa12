/** How long a process may take to end, in milliseconds; the service manager waits a little longer. */
const SHUTDOWN_MS = 28_000

/**
 * Runs a process of the platform: starts it, and on SIGTERM or SIGINT stops it in order; a second signal or a timer
 * forces the end. A start that fails prints its reason in one line, since it is mostly a setting.
 *
 * @param start begins the work and returns how to end it.
 */
export async function runProcess(name: string, start: () => Promise<() => Promise<void>>): Promise<void> {
  let stop: (() => Promise<void>) | undefined
  let isStopping = false

  async function end(): Promise<void> {
    if (isStopping) process.exit(1)
    isStopping = true
    const timer = setTimeout(() => {
      process.exit(1)
    }, SHUTDOWN_MS)
    try {
      await stop?.()
      process.exitCode = 0
    } catch (error) {
      console.error(`${name} did not stop cleanly:`, error)
      process.exitCode = 1
    }
    clearTimeout(timer)
    // Whatever still holds the process (a connection that retries) has nothing left to do.
    setTimeout(() => process.exit(), 500).unref()
  }

  process.on('SIGTERM', () => void end())
  process.on('SIGINT', () => void end())
  try {
    stop = await start()
  } catch (error) {
    console.error(`${name} cannot start: ${error instanceof Error ? error.message : String(error)}`)
    process.exit(1)
  }
}
