import { closeSync, existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { messageOf } from '../../lib/errors.ts'
import { loadConfig, parseVariables } from '../../platform/config.ts'
import type { Config } from '../../platform/config.ts'
import { takeLock } from '../../platform/file-lock.ts'
import { createLogger } from '../../platform/log.ts'
import { migrate, unfitMigrations } from '../../platform/migrate.ts'
import { releasesIn } from '../local/releases.ts'
import type { Releases } from '../local/releases.ts'
import { runProgram } from '../local/run-program.ts'
import { STATUS, UsageError } from './command.ts'
import type { Command } from './command.ts'
import { checksumOf } from './release.ts'

const programs = z.string().transform((value) => z.tuple([z.string()], z.string()).parse(JSON.parse(value)))

const Variables = z.object({
  UPGRADE_BACKUP: programs.optional(),
  UPGRADE_RESTART: programs,
  UPGRADE_VERIFY_SECONDS: z.coerce.number().positive().default(60),
})

/** Does on one host, without GitHub, what a merge does on many. */
export const upgradeCommand: Command = {
  name: 'upgrade',
  usage: 'upgrade ARCHIVE [--root FOLDER]',
  summary:
    'Brings this host to a release of “manyhands release”, and back by itself when that does not work.',
  async run(args, env) {
    const { archive, root } = parse(args)
    const settings = { ...parseVariables(Variables, env), ...loadConfig(env), env }
    const lock = takeLock(join(root, 'upgrade.lock'))
    if (lock === undefined) throw new Error('another upgrade is under way')
    try {
      return await upgrade(archive, root, settings)
    } finally {
      closeSync(lock)
    }
  },
}

type Settings = z.output<typeof Variables> &
  Pick<Config, 'database' | 'site'> & {
    /** What programs inherit. */
    env: NodeJS.ProcessEnv
  }

async function upgrade(archive: string, root: string, settings: Settings): Promise<number> {
  const { directUrl } = settings.database
  const releases = releasesIn(root)
  await step('Checksum', () => mustFit(archive))
  const release = await step('Unpacking', () => releases.unpack(archive))
  const previous = await releases.current()
  const folder = releases.folderOf(release)
  const run = (of: string, command: string) =>
    runProgram('node', ['src/bin/bootstrap.js', 'src/bin/manyhands.ts', command], {
      ...{ cwd: releases.folderOf(of), env: settings.env },
    })
  await step('Packages', () => run(release, '--help'))
  const migrations = join(folder, 'src/migrations')
  if (previous !== undefined) await mustRunOn(directUrl, migrations, releases.folderOf(previous))
  await step('Backup', () => backUp(settings, root))
  await step('Migrations', () => migrate(directUrl, createLogger('upgrade', 'error'), migrations))
  await step('Browser files', () => run(release, 'build'))
  try {
    await step(`Switching to ${release.slice(0, 7)}`, () => start(releases, release, settings))
  } catch (error) {
    console.error(`${release.slice(0, 7)} does not work here: ${messageOf(error)}`)
    if (previous === undefined || previous === release)
      throw new Error('there is no earlier release to go back to', { cause: error })
    // Releases may have one folder for these; without them it is still better to go back.
    await run(previous, 'build').catch((fault: unknown) => {
      console.error(`Its browser files are not built: ${messageOf(fault)}`)
    })
    await step(`Going back to ${previous.slice(0, 7)}`, () => start(releases, previous, settings))
    console.error(`This host runs ${previous.slice(0, 7)} again.`)
    return STATUS.bad
  }
  await releases.prune()
  console.log(`This host runs ${release.slice(0, 7)}.`)
  return STATUS.good
}

async function start(releases: Releases, release: string, settings: Settings): Promise<void> {
  await releases.switchTo(release)
  const [program, ...parameters] = settings.UPGRADE_RESTART
  await runProgram(program, parameters)
  await mustAnswerWith(settings.site.url, release, settings.UPGRADE_VERIFY_SECONDS)
}

function parse(args: readonly string[]): { archive: string; root: string } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { root: { type: 'string' } },
  })
  const [archive, ...more] = positionals
  if (archive === undefined || more.length > 0) throw new UsageError('Name one archive.')
  const parent = dirname(process.cwd())
  const root = values.root ?? (basename(parent) === 'releases' ? dirname(parent) : undefined)
  if (root === undefined)
    throw new UsageError('This is no release below “releases”: say with --root where these are.')
  return { archive: resolve(archive), root: resolve(root) }
}

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now()
  const result = await work()
  console.log(`${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`)
  return result
}

async function mustFit(archive: string): Promise<void> {
  const [wanted = ''] = (await readFile(`${archive}.sha256`, 'utf8')).split(/\s/)
  if ((await checksumOf(archive)) !== wanted)
    throw new Error(
      `${basename(archive)} is not what its checksum says: copy both again. Nothing was changed.`,
    )
}

async function mustRunOn(url: string, migrations: string, previous: string): Promise<void> {
  const unfit = await unfitMigrations(url, migrations, join(previous, 'src/migrations'))
  if (unfit.length === 0) return
  throw new Error(
    `the release that runs now could not run on the new schema, so there would be no way back: ${unfit.join('; ')}. ` +
      'Upgrade to the release between them first. Nothing was changed.',
  )
}

async function backUp({ UPGRADE_BACKUP: given, database, env }: Settings, root: string): Promise<void> {
  const folder = join(root, 'backups')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, `${new Date().toISOString().replaceAll(':', '-')}.dump`)
  const { password, address } = withoutPassword(database.directUrl)
  const secret = given || password === '' ? {} : { PGPASSWORD: password }
  const command = given ?? ['pg_dump', '--format=custom', '--file={file}', `--dbname=${address}`]
  const [program = '', ...parameters] = command.map((part) => part.replace('{file}', file))
  await runProgram(program, parameters, { env: { ...env, ...secret } })
  if (given === undefined && !existsSync(file)) throw new Error('The backup was not written.')
}

/** A list of processes shows an address to everybody on the host, and an environment only to its own account. */
function withoutPassword(url: string): { address: string; password: string } {
  const address = new URL(url)
  const password = address.searchParams.get('password') ?? decodeURIComponent(address.password)
  address.password = ''
  address.searchParams.delete('password')
  return { address: address.href, password }
}

/** Waits until the site, seen as its visitors see it, is ready and of this release. */
async function mustAnswerWith(url: string, release: string, seconds: number): Promise<void> {
  const until = Date.now() + seconds * 1000
  let last = ''
  while (Date.now() < until) {
    last = await seenRelease(url).catch(messageOf)
    if (last === release) return
    await sleep(200)
  }
  throw new Error(`${url} did not answer with it in ${seconds} s: ${last}`)
}

const Health = z.object({ release: z.string().optional() })

async function seenRelease(url: string): Promise<string> {
  const signal = AbortSignal.timeout(5_000)
  // What a visitor gets first: a release may be alive and ready and answer every page with an error.
  for (const path of ['/readyz', '/']) {
    const { status } = await fetch(`${url}${path}`, { signal })
    if (status !== 200) return `${path} answers ${status}`
  }
  const { release } = Health.parse(await (await fetch(`${url}/healthz`, { signal })).json())
  return release ?? 'it does not say of which release it is'
}
