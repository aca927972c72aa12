import { appendFileSync } from 'node:fs'

/** Notes a route that a test has asked, for the check that every route is asked by one. */
export function noteRouteUse(method: string, path: string): void {
  const file = process.env['MANYHANDS_ROUTE_LOG']
  if (file) appendFileSync(file, `${method} ${path}\n`)
}
