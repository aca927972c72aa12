import { parseArgs } from 'node:util'
import { benchPresenters } from './bench-presenters.ts'

/**
 * `npm run bench`: requests per second of the running application (`-- --only requests`), and in a browser how soon the next
 * task shows and what a volunteer loads (`-- --only presenters`).
 */
const { values } = parseArgs({ options: { only: { type: 'string', default: 'requests,presenters' } } })
const only = new Set(values.only.split(','))
if (only.has('requests')) await import('./bench-requests.ts')
if (only.has('presenters') && !(await benchPresenters())) process.exitCode = 1
