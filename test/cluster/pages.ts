import { request } from 'node:https'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadResult } from './drills.ts'

/**
 * Asks a site for pages, steadily and by a new connection each time, until its standard input ends. Then it prints what
 * came of it as JSON.
 *
 *   node test/cluster/pages.ts ADDRESS DOMAIN AUTHORITY-FILE
 */
const [host = '', domain = '', authorityFile = ''] = process.argv.slice(2)
const authority = readFileSync(authorityFile, 'utf8')
const EVERY_MS = 50
const PATIENCE_MS = 10_000
/** A kept page, one that is asked of a web process, and the API. */
const PATHS = ['/', '/account/signin', '/api/project?limit=1']

const failures: LoadResult['failures'] = []
const open = new Set<Promise<void>>()
let requests = 0
let lastSuccess = performance.timeOrigin + performance.now()
let longestGapMs = 0

process.stdin.resume()
console.log('asking')
while (!process.stdin.readableEnded) {
  const one = ask(PATHS[requests % PATHS.length] ?? '/')
  requests += 1
  open.add(one)
  void one.finally(() => open.delete(one))
  await sleep(EVERY_MS)
}
await Promise.all(open)
const result: LoadResult = { requests, failures, longestGapMs }
console.log(JSON.stringify(result))

async function ask(path: string): Promise<void> {
  const at = Date.now()
  const status = await statusOf(path).catch((error: unknown) => String(error))
  const now = Date.now()
  if (status === 200) {
    longestGapMs = Math.max(longestGapMs, now - lastSuccess)
    lastSuccess = now
  } else {
    failures.push({ at, path, got: String(status), tookMs: now - at })
  }
}

function statusOf(path: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const call = request({
    ...{ host, servername: domain, ca: authority, path, agent: false },
    headers: { Host: domain, Accept: 'text/html, application/json' },
  })
  // A host that is gone says nothing at all: the whole request has this long.
  const patience = setTimeout(() => call.destroy(new Error('no reply in time')), PATIENCE_MS)
  call.once('close', () => {
    clearTimeout(patience)
  })
  call.once('error', reject)
  call.once('response', (response) => {
    response.once('error', reject).once('end', () => {
      resolve(response.statusCode)
    })
    response.resume()
  })
  call.end()
  return promise
}
