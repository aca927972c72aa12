import { join } from 'node:path'
import { libraryPath, unpackPackages } from '../../src/bin/local/debian-packages.ts'
import { succeeds } from '../../src/bin/local/run-program.ts'
import { cacheFolder } from './servers.ts'

export interface DebianProgram {
  readonly command: string
  readonly env: NodeJS.ProcessEnv
  /** Where its other files are as they are below `/` of a machine that has it. */
  readonly root: string
}

/** Where to look for a program. */
export interface WantedProgram {
  readonly name: string
  /** The option at which it tells its version and ends. */
  readonly tellsVersionBy: string
  /** What is unpacked: the program's package and the libraries that it needs. */
  readonly packages: readonly string[]
  /** Where its package has it. */
  readonly folder?: 'usr/bin' | 'usr/sbin'
}

/**
 * A server of this machine; else Debian's packages unpacked beside the other programs of the tests.
 *
 * @throws Error when it is neither installed nor to be had.
 */
export async function findProgram({
  name,
  tellsVersionBy,
  packages,
  folder = 'usr/sbin',
}: WantedProgram): Promise<DebianProgram> {
  if (await succeeds(name, [tellsVersionBy])) return { command: name, env: process.env, root: '/' }
  const root = join(cacheFolder(), `${name}-root`)
  await unpackPackages(packages, root)
  return {
    command: join(root, folder, name),
    env: { ...process.env, LD_LIBRARY_PATH: libraryPath(root) },
    root,
  }
}
