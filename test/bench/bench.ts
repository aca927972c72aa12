import { parseArgs } from 'node:util'
import { benchImports } from './bench-imports.ts'
import { benchPresenters } from './bench-presenters.ts'

/**
 * `npm run bench`: requests per second of the running application (`-- --only requests`), and in a browser how soon the next
 * task shows and what a volunteer loads (`-- --only presenters`); how fast a list of tasks is added beside psql (`-- --only
 * imports`, of `--import-rows 1000000`).
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'requests,presenters,imports' },
    'import-rows': { type: 'string', default: '1000000' },
  },
})
const only = new Set(values.only.split(','))
if (only.has('requests')) await import('./bench-requests.ts')
if (only.has('presenters') && !(await benchPresenters())) process.exitCode = 1
if (only.has('imports') && !(await benchImports(Number(values['import-rows'])))) process.exitCode = 1
