import { readFileSync } from 'node:fs'

const WEB = 'src/bin/web.ts'
const PACKAGE = 'package.json'
/** A file that only the release with a failing migration has: who makes another after it removes it. */
export const WRONG_MIGRATION = 'src/migrations/9999-wrong.sql'
const web = readFileSync(WEB, 'utf8')

/** Answers every page late or with an error, and says of itself that it is well. */
const spoiling = (what: string) => `
import { Server } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
const emit = Server.prototype.emit
Server.prototype.emit = function (name: string, ...rest: unknown[]): boolean {
  const [request, response] = rest as [IncomingMessage, ServerResponse]
  const go = () => Reflect.apply(emit, this, [name, ...rest]) as boolean
  if (name !== 'request' || /^\\/(healthz|readyz)/.test(request.url ?? '')) return go()
  ${what}
}
`
const spoiled = (what: string) => ({
  'src/bin/spoil.ts': spoiling(what),
  [WEB]: `import './spoil.ts'\n${web}`,
})

interface BadRelease {
  readonly title: string
  /** What stands in the reason for which it is taken back. */
  readonly reason: RegExp
  /** How it differs from this checkout. */
  readonly files: Readonly<Record<string, string>>
}

/** What is wrong with each of them is seen in another place. */
export const BAD_RELEASES = {
  dead: {
    title: 'One that does not start',
    reason: /did not answer with it/,
    files: { [WEB]: `throw new Error('not today')\n${web}` },
  },
  failing: {
    title: 'One that answers 500',
    reason: /answers 500/,
    files: spoiled("response.writeHead(500).end('no')\n  return true"),
  },
  migration: {
    title: 'A failing migration',
    reason: /9999-wrong\.sql failed/,
    files: { [WEB]: web, [WRONG_MIGRATION]: 'create table;\n' },
  },
  slow: {
    title: 'A slow one',
    reason: /takes \d+ ms/,
    files: spoiled('setTimeout(go, 4_000)\n  return true'),
  },
} as const satisfies Record<string, BadRelease>

/** A release that works, and is another one than this checkout's. */
export function goodRelease(): Record<string, string> {
  const description = JSON.parse(readFileSync(PACKAGE, 'utf8')) as object
  return { [WEB]: web, [PACKAGE]: JSON.stringify({ ...description, version: '0.1.1' }) }
}
