import { existsSync, readFileSync } from 'node:fs'
import { ALL_ROUTES, ROUTE_LOG } from './coverage-folders.ts'

/** Fails for a route of the server that no test has asked. */
const routes = linesOf(ALL_ROUTES)
const asked = linesOf(ROUTE_LOG)
const askedPaths = new Set([...asked].map(pathOf))
const missing = [...routes].filter((route) => !isAsked(route)).sort()
for (const route of missing) console.log(`${route}: no test asks this route`)
console.log(`${routes.size} routes, ${missing.length} without a test`)
if (routes.size === 0) console.log('No test has started the application')
if (routes.size === 0 || missing.length > 0) process.exitCode = 1

function isAsked(route: string): boolean {
  return asked.has(route) || (route.startsWith('ALL ') && askedPaths.has(pathOf(route)))
}

/** Without the method. */
function pathOf(route: string): string {
  return route.slice(route.indexOf(' ') + 1)
}

function linesOf(path: string): ReadonlySet<string> {
  if (!existsSync(path)) return new Set()
  return new Set(
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  )
}
