import { parseArgs } from 'node:util'
import { benchExports } from './bench-exports.ts'
import { benchImports } from './bench-imports.ts'
import { benchPresenters } from './bench-presenters.ts'

/**
 * `npm run bench`: requests per second of the running application (`-- --only requests`), and in a browser how soon the next
 * task shows and what a volunteer loads (`-- --only presenters`); how fast a list of tasks is added beside psql
 * (`-- --only imports`); and how fast task runs are exported beside psql (`-- --only exports`). Of so many rows as `--rows` says.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'requests,presenters,imports,exports' },
    rows: { type: 'string', default: '1000000' },
  },
})
const only = new Set(values.only.split(','))
if (only.has('requests')) await import('./bench-requests.ts')
if (only.has('presenters') && !(await benchPresenters())) process.exitCode = 1
if (only.has('imports') && !(await benchImports(Number(values.rows)))) process.exitCode = 1
if (only.has('exports') && !(await benchExports(Number(values.rows)))) process.exitCode = 1
