import { parseArgs } from 'node:util'
import { buildAssets } from '../../http/assets.ts'
import { loadConfig } from '../../platform/config.ts'
import { createLogger } from '../../platform/log.ts'
import { migrate, migrationsFolder, missingFor, unfitMigrations } from '../../platform/migrate.ts'
import type { Releases } from '../local/releases.ts'
import { STATUS, UsageError } from './command.ts'
import type { Command } from './command.ts'

/** Brings the database to this release's schema, once for all hosts and before their processes. */
export const migrateCommand: Command = {
  name: 'migrate',
  usage: 'migrate [--running FOLDER]',
  summary:
    'Brings the database to the schema of this release; with --running only if the migrations in that folder are of a release that can run on it.',
  async run(args, env) {
    const { values } = parseArgs({ args: [...args], options: { running: { type: 'string' } } })
    const { directUrl } = loadConfig(env).database
    if (values.running !== undefined) await mustRunOn(directUrl, migrationsFolder, values.running)
    const applied = await migrate(directUrl, createLogger('migrate', 'warn'))
    for (const name of applied) console.log(`applied ${name}`)
    if (applied.length === 0) console.log('The schema is the newest.')
    return STATUS.good
  },
}

/** @throws Error when the release whose migrations are in `running` could not live with those in `folder`. */
export async function mustRunOn(url: string, folder: string, running: string): Promise<void> {
  const unfit = await unfitMigrations(url, folder, running)
  if (unfit.length === 0) return
  throw new Error(
    `the release that runs now could not run on the new schema, so there would be no way back: ${unfit.join('; ')}. ` +
      'Upgrade to the release between them first. Nothing was changed.',
  )
}

/** @returns why a release could not run on the schema that the database has, as far as the releases on this host tell. */
export async function schemaTrouble(
  url: string,
  releases: Releases,
  release: string,
): Promise<string | undefined> {
  const others = await releases.migrationsOfOthers(release)
  const missing = await missingFor(url, releases.migrationsOf(release), others)
  if (missing.length === 0) return undefined
  return (
    `${release.slice(0, 7)} could not run on the schema that the database has: ${missing.join('; ')}. ` +
    'Go to a newer release instead. Nothing was changed.'
  )
}

/** Makes what browsers load, where nginx and the web processes look for it. */
export const buildCommand: Command = {
  name: 'build',
  usage: 'build',
  summary: 'Builds what browsers load, into ASSETS_DIR.',
  async run(args, env) {
    if (args.length > 0) throw new UsageError(`“${args.join(' ')}” is too much.`)
    await buildAssets({ outDir: loadConfig(env).folders.assets })
    return STATUS.good
  },
}
