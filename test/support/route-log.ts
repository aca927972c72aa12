import { appendFileSync, writeFileSync } from 'node:fs'

/** The check that every route is asked by a test sets this to the file that the tests write to. */
const LOG = process.env['MANYHANDS_ROUTE_LOG']

/** Notes a route that a test has asked. */
export function noteRouteUse(method: string, path: string): void {
  if (LOG) appendFileSync(LOG, `${method} ${path}\n`)
}

/** Notes which routes there are; each application that a test starts has the same. */
export function noteRoutes(routes: readonly { method: string; path: string }[]): void {
  if (LOG) writeFileSync(allRoutesFile(LOG), routes.map(({ method, path }) => `${method} ${path}\n`).join(''))
}

/** Where the list of all routes stands beside the log of those that were asked. */
export function allRoutesFile(log: string): string {
  return `${log}.all`
}
