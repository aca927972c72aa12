import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { RELEASE_FILE } from '../../platform/release.ts'
import { runProgram } from '../local/run-program.ts'
import { STATUS, UsageError } from './command.ts'
import type { Command } from './command.ts'

/** Makes what is copied to hosts: built once, and known by its checksum. */
export const releaseCommand: Command = {
  name: 'release',
  usage: 'release [--to FOLDER]',
  summary: 'Packs the last commit of this checkout into one archive, with its checksum beside it.',
  async run(args) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { to: { type: 'string', default: 'releases' } },
    })
    if (positionals.length > 0) throw new UsageError(`“${positionals.join(' ')}” is too much.`)
    console.log(await packRelease(process.cwd(), resolve(values.to)))
    return STATUS.good
  },
}

/** Packs the last commit of a checkout; the same commit always gives the same bytes. @returns the archive's path. */
export async function packRelease(cwd: string, folder: string): Promise<string> {
  const commit = (await runProgram('git', ['rev-parse', 'HEAD'], { cwd })).trim()
  await mkdir(folder, { recursive: true })
  const archive = join(folder, `manyhands-${commit.slice(0, 12)}.tar.gz`)
  const file = `--add-virtual-file=${RELEASE_FILE}:${commit}`
  // Whatever git is told on this machine: hosts unpack it so that everybody reads it, and only its owner writes.
  const git = ['-c', 'tar.umask=0022', 'archive', '--format=tar.gz']
  await runProgram('git', [...git, file, '--output', archive, commit], { cwd })
  await writeFile(`${archive}.sha256`, `${await checksumOf(archive)}  ${basename(archive)}\n`)
  return archive
}

/** The SHA-256 of a file, as sha256sum prints it. */
export async function checksumOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
