import { parseArgs } from 'node:util'
import { benchCache } from './bench-cache.ts'
import { benchExports } from './bench-exports.ts'
import { benchImports } from './bench-imports.ts'
import { benchPresenters } from './bench-presenters.ts'

/**
 * `npm run bench`, or one part of it by `-- --only`:
 *
 *   requests     requests per second of the running application
 *   presenters   in a browser, how soon the next task shows and what a volunteer loads
 *   cache        what pages cost that come from the cache, for so many `--minutes`
 *   imports      how fast a list of tasks of so many `--rows` is added, beside psql
 *   exports      how fast so many task runs are exported, beside psql
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'requests,presenters,cache,imports,exports' },
    minutes: { type: 'string', default: '20' },
    rows: { type: 'string', default: '1000000' },
  },
})
const only = new Set(values.only.split(','))
if (only.has('requests')) await import('./bench-requests.ts')
if (only.has('presenters') && !(await benchPresenters())) process.exitCode = 1
if (only.has('cache') && !(await benchCache({ minutes: Number(values.minutes) }))) process.exitCode = 1
if (only.has('imports') && !(await benchImports(Number(values.rows)))) process.exitCode = 1
if (only.has('exports') && !(await benchExports(Number(values.rows)))) process.exitCode = 1
