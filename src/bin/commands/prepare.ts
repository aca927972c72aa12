import { buildAssets } from '../../http/assets.ts'
import { loadConfig } from '../../platform/config.ts'
import { createLogger } from '../../platform/log.ts'
import { migrate } from '../../platform/migrate.ts'
import { STATUS, UsageError } from './command.ts'
import type { Command } from './command.ts'

/** Brings the database to this release's schema, once for all hosts and before their processes. */
export const migrateCommand: Command = {
  name: 'migrate',
  usage: 'migrate',
  summary: 'Brings the database to the schema of this release.',
  async run(args, env) {
    mustBeEmpty(args)
    const { database } = loadConfig(env)
    const applied = await migrate(database.directUrl, createLogger('migrate', 'warn'))
    for (const name of applied) console.log(`applied ${name}`)
    if (applied.length === 0) console.log('The schema is the newest.')
    return STATUS.good
  },
}

/** Makes what browsers load, where nginx and the web processes look for it. */
export const buildCommand: Command = {
  name: 'build',
  usage: 'build',
  summary: 'Builds what browsers load, into ASSETS_DIR.',
  async run(args, env) {
    mustBeEmpty(args)
    await buildAssets({ outDir: loadConfig(env).folders.assets })
    return STATUS.good
  },
}

function mustBeEmpty(args: readonly string[]): void {
  if (args.length > 0) throw new UsageError(`“${args.join(' ')}” is too much.`)
}
