import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openProject } from './owner.ts'
import { Visitor } from './visit.ts'

/**
 * Somebody who writes a task now and then and reads tasks all the time, until the standard input ends: whose reads must
 * show what was written. What fails is not of interest.
 *
 *   node test/cluster/read-own.ts ADDRESS DOMAIN AUTHORITY-FILE
 */
const [address = '', domain = '', authorityFile = ''] = process.argv.slice(2)
const EVERY_MS = 50
const READS_PER_WRITE = 100

const someone = new Visitor({ address, domain, authority: readFileSync(authorityFile, 'utf8') })
const { key, projectId } = await openProject(someone, randomUUID().slice(0, 8))

process.stdin.resume()
console.log('reading')
for (let turn = 0; !process.stdin.readableEnded; turn += 1) {
  const asked =
    turn % READS_PER_WRITE === 0
      ? someone.post(`/api/task?api_key=${key}`, { project_id: projectId, info: { turn } })
      : someone.get(`/api/task?project_id=${projectId}&limit=1&api_key=${key}`)
  await asked.catch(() => undefined)
  await sleep(EVERY_MS)
}
