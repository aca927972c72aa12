import { allRoutesFile } from '../support/route-log.ts'

/** Where the run keeps what it measures: nothing of it shows at the top of the project. */
export const COVERAGE = 'node_modules/.cache/coverage'
export const NODE_COVERAGE = `${COVERAGE}/node`
export const BROWSER_COVERAGE = `${COVERAGE}/browser`
export const ROUTE_LOG = `${COVERAGE}/routes.log`
export const ALL_ROUTES = allRoutesFile(ROUTE_LOG)
