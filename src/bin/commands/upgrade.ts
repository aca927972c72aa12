import { existsSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { loadConfig, parseVariables } from '../../platform/config.ts'
import type { Config } from '../../platform/config.ts'
import { createLogger } from '../../platform/log.ts'
import { migrate } from '../../platform/migrate.ts'
import { RELEASES_KEPT } from '../../platform/release.ts'
import { Program, SwitchVariables, switchHost } from '../local/host-switch.ts'
import { releasesIn } from '../local/releases.ts'
import { runProgram } from '../local/run-program.ts'
import { UsageError } from './command.ts'
import type { Command } from './command.ts'
import { changeHost } from './host-change.ts'
import { mustRunOn } from './prepare.ts'

const program = z.string().transform((value) => Program.parse(JSON.parse(value)))

const Variables = SwitchVariables.extend({
  UPGRADE_BACKUP: program.optional(),
  UPGRADE_COMMAND: program.optional(),
})

/** Does on one host, without GitHub, what a merge does on many. */
export const upgradeCommand: Command = {
  name: 'upgrade',
  usage: 'upgrade ARCHIVE [--root FOLDER]',
  summary: 'Brings this host to a packed release, and back by itself when that does not work.',
  run(args, env) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { root: { type: 'string' } },
    })
    const [archive, ...more] = positionals
    if (archive === undefined || more.length > 0) throw new UsageError('Name one archive.')
    const settings = { ...parseVariables(Variables, env), ...loadConfig(env), env }
    return changeHost({ root: values.root, waitMs: 0 }, (root) => upgrade(resolve(archive), root, settings))
  },
}

type Settings = z.output<typeof Variables> &
  Pick<Config, 'database'> & {
    /** What programs inherit. */
    env: NodeJS.ProcessEnv
  }

async function upgrade(archive: string, root: string, settings: Settings): Promise<string> {
  const { directUrl } = settings.database
  const releases = releasesIn(root)
  await step('Checksum', () => mustFit(archive))
  const release = await step('Unpacking', () => releases.unpack(archive))
  const previous = await releases.lastGood()
  const folder = releases.folderOf(release)
  const run = (command: string) => runOf(release, folder, command, settings)
  await step('Trial', () => run('--help'))
  const migrations = releases.migrationsOf(release)
  if (previous !== undefined) await mustRunOn(directUrl, migrations, releases.migrationsOf(previous))
  await step('Backup', () => backUp(settings, root))
  await step('Migrations', () => migrate(directUrl, createLogger('upgrade', 'error'), migrations))
  await step('Browser files', () => run('build'))
  await step(`Switching to ${release.slice(0, 7)}`, () => switchHost(releases, release, settings))
  await releases.prune()
  await pruneDumps(root)
  return `This host runs ${release.slice(0, 7)}.`
}

/** Runs a command of a release, by default with its own Node. */
function runOf(
  release: string,
  cwd: string,
  command: string,
  { UPGRADE_COMMAND: given, env }: Settings,
): Promise<string> {
  const node = join(cwd, `node_modules/node-linux-${process.arch}/bin/node`)
  const usual = [existsSync(node) ? node : process.execPath, 'src/bin/manyhands.ts']
  const [name = '', ...parameters] = (given ?? usual).map((part) => part.replace('{release}', release))
  return runProgram(name, [...parameters, command], { cwd, env })
}

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now()
  const result = await work()
  console.log(`${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`)
  return result
}

async function mustFit(archive: string): Promise<void> {
  const sums = archive.replace(/(\.tar\.zst)?$/, '.sha256')
  try {
    await runProgram('sha256sum', ['--check', '--strict', '--quiet', basename(sums)], { cwd: dirname(sums) })
  } catch (error) {
    throw new Error(
      `${basename(archive)} is not what its checksum says: copy all three files again. Nothing was changed.`,
      { cause: error },
    )
  }
}

async function backUp({ UPGRADE_BACKUP: given, database, env }: Settings, root: string): Promise<void> {
  const folder = dumpsIn(root)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${new Date().toISOString().replaceAll(':', '-')}.dump`)
  const { password, address } = withoutPassword(database.directUrl)
  const secret = given || password === '' ? {} : { PGPASSWORD: password }
  const command = given ?? ['pg_dump', '--format=custom', '--file={file}', `--dbname=${address}`]
  const [name = '', ...parameters] = command.map((part) => part.replace('{file}', file))
  await runProgram(name, parameters, { env: { ...env, ...secret } })
  if (given === undefined && !existsSync(file)) throw new Error('The backup was not written.')
}

/** The newest stay, as many as there are releases: each is as large as the database was. */
async function pruneDumps(root: string): Promise<void> {
  const folder = dumpsIn(root)
  const dumps = (await readdir(folder)).filter((name) => name.endsWith('.dump')).sort()
  await Promise.all(dumps.slice(0, -RELEASES_KEPT).map((name) => rm(join(folder, name), { force: true })))
}

function dumpsIn(root: string): string {
  return join(root, 'backups')
}

/** A list of processes shows an address to everybody on the host, and an environment only to its own account. */
function withoutPassword(url: string): { address: string; password: string } {
  const address = new URL(url)
  const password = address.searchParams.get('password') ?? decodeURIComponent(address.password)
  address.password = ''
  address.searchParams.delete('password')
  return { address: address.href, password }
}
