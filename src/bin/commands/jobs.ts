import { parseArgs } from 'node:util'
import { jobs } from '../../../jobs/index.ts'
import { createApp } from '../../platform/app.ts'
import { loadConfig } from '../../platform/config.ts'
import { STATUS, UsageError } from './command.ts'
import type { Command } from './command.ts'

/** After the queue servers were emptied: everything that has not ended is handed to them again, at once. */
export const jobsCommand: Command = {
  name: 'jobs',
  usage: 'jobs rebuild',
  summary: 'Hands every job that has not ended to an emptied Redis now, instead of within a minute.',
  async run(args, env) {
    const { positionals } = parseArgs({ args: [...args], allowPositionals: true })
    if (positionals.join(' ') !== 'rebuild') throw new UsageError('Say “jobs rebuild”.')
    const app = await createApp(loadConfig({ ...env, LOG_LEVEL: env['LOG_LEVEL'] ?? 'error' }), 'jobs', jobs)
    try {
      const count = await app.queue.rebuild()
      console.log(`${count} ${count === 1 ? 'job was' : 'jobs were'} handed to the queue servers.`)
      return STATUS.good
    } finally {
      await app.close()
    }
  },
}
