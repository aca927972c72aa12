/** What the site is told about the leases of a page. Never rejects. */
export interface LeaseGateway {
  /** Resolves with the seconds that leases run for, undefined when the site could not be reached. */
  renew(taskIds: number[]): Promise<number | undefined>
  /** Has to outlive the page. */
  leave(taskIds: number[]): void
}

export interface LeaseKeeper {
  /** The site handed these tasks to the page. */
  hold(taskIds: number[]): void
  /** Answered or skipped: no longer ours to keep or give back. */
  release(taskId: number): void
}

/** Soon after loading: a page that was loaded again may have given its leases back in leaving. */
const FIRST_MS = 10_000
const EVERY_MS_MIN = 10_000
const EVERY_MS_MAX = 300_000
/** The site renews no more in one request. */
const TASKS_MAX = 100

/**
 * Keeps the leases of the page's tasks as long as somebody has it before their eyes, and gives them back when the page
 * is left, so that nobody waits for somebody who has gone.
 */
export function keepLeases(gateway: LeaseGateway, page: Document = document): LeaseKeeper {
  const held = new Set<number>()
  let timer: ReturnType<typeof setTimeout> | undefined

  function renewLater(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(() => void renew(), ms)
  }

  async function renew(): Promise<void> {
    const isSeen = page.visibilityState === 'visible'
    const seconds = isSeen && held.size > 0 ? await gateway.renew([...held].slice(-TASKS_MAX)) : undefined
    const half = seconds === undefined ? EVERY_MS_MAX / 5 : seconds * 500
    renewLater(Math.min(Math.max(half, EVERY_MS_MIN), EVERY_MS_MAX))
  }

  page.defaultView?.addEventListener('pagehide', () => {
    clearTimeout(timer)
    if (held.size > 0) gateway.leave([...held].slice(-TASKS_MAX))
  })
  page.defaultView?.addEventListener('pageshow', (event) => {
    if (event.persisted) void renew()
  })
  page.addEventListener('visibilitychange', () => {
    if (page.visibilityState === 'visible') void renew()
  })
  renewLater(FIRST_MS)

  return {
    hold(taskIds) {
      for (const id of taskIds) held.add(id)
    },
    release(taskId) {
      held.delete(taskId)
    },
  }
}
