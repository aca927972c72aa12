import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { jobs } from '../../jobs/index.ts'
import type { App } from '../../src/platform/app.ts'
import { startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { startRedisGroup } from '../support/sentinels.ts'
import type { RedisGroup } from '../support/sentinels.ts'

/** How long, in milliseconds, jobs are made before the fault and after its end. */
const STEADY_MS = 1_000
const PAUSE_MS = 20

const FAULTS: [string, (group: RedisGroup) => Promise<void>][] = [
  ['killed', (group) => group.killMaster()],
  ['silent', (group) => group.freezeMaster()],
  ['replaced in order', (group) => group.failover()],
]

/** Makes a job every few milliseconds; `stop` gives the ids of all whose transaction was acknowledged. */
function keepMaking(job: JobApp) {
  const made: number[] = []
  const stopping = new AbortController()
  const ended = (async () => {
    for (let mailId = 1; !stopping.signal.aborted; mailId += 1) {
      await job.db().write((tx) => job.app.queue.enqueue(tx, 'send-mail', { mailId }))
      made.push(mailId)
      await sleep(PAUSE_MS)
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await ended
      return made
    },
  }
}

for (const [fault, wound] of FAULTS) {
  test(`every job runs once when the master of the queue is ${fault}`, async (t) => {
    const group = await startRedisGroup()
    const job = await startJobApp(t, {}, group)
    const runs: { mailId: number; at: number }[] = []
    const noted = {
      ...jobs['send-mail'],
      handle: (_app: App, { mailId }: { mailId: number }) => {
        runs.push({ mailId, at: performance.now() })
        return Promise.resolve()
      },
    }
    // No other: a connection of theirs that is being made when the test ends would look for its sentinels for ever.
    work(job, { ...jobs, 'send-mail': noted }, 'send-mail')
    const making = keepMaking(job)
    await sleep(STEADY_MS)
    const old = await group.masterPort()
    await wound(group)
    await group.untilMasterIsNot(old)
    const inCharge = performance.now()
    while ((runs.at(-1)?.at ?? 0) < inCharge) await sleep(PAUSE_MS)
    await sleep(STEADY_MS)
    const made = await making.stop()
    await untilJobsEnd(job, 120_000)

    assert.deepEqual(
      runs.map(({ mailId }) => mailId).sort((a, b) => a - b),
      made,
    )
    const gaps = runs.map(({ at }, index) => at - (runs[index - 1]?.at ?? at))
    t.diagnostic(`${made.length} jobs; none ran for ${(Math.max(...gaps) / 1000).toFixed(1)} s`)
  })
}
