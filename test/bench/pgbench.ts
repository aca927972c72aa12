import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram, succeeds } from '../../src/bin/local/run-program.ts'
import { CONNECTIONS } from './load.ts'
import type { Run } from './load.ts'

export interface Pgbench {
  /**
   * Runs a statement, or a script that ends in one or in `\gset`, over and over from CONNECTIONS connections, `requests` times on
   * each. A script may count in `:turn`, which begins at -1, and keep a task in `:task`.
   */
  run(script: string, requests: number): Promise<Run>
}

const INSTALLED = ['pgbench', '/usr/lib/postgresql/15/bin/pgbench']
const PACKAGES = ['postgresql-15', 'libpq5', 'libldap-2.5-0', 'libsasl2-2']

/** The machine's pgbench, else Debian's unpacked into a folder; undefined when neither is possible. */
export async function findPgbench(
  folder: string,
  server: { socketFolder: string; database: string },
): Promise<Pgbench | undefined> {
  const root = join(folder, 'pgbench-root')
  const unpacked = join(root, 'usr/lib/postgresql/15/bin/pgbench')
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu')
  const env = { ...process.env, LD_LIBRARY_PATH: libraries }
  for (const command of INSTALLED)
    if (await succeeds(command, ['--version'])) return pgbench(command, process.env, folder, server)
  if (!existsSync(unpacked)) await unpack(folder, root).catch(() => undefined)
  const works = await runProgram(unpacked, ['--version'], { env }).then(
    () => true,
    () => false,
  )
  return works ? pgbench(unpacked, env, folder, server) : undefined
}

async function unpack(folder: string, root: string): Promise<void> {
  const downloads = join(folder, 'pgbench-packages')
  mkdirSync(downloads, { recursive: true })
  await runProgram('apt-get', ['download', ...PACKAGES], { cwd: downloads })
  for (const file of readdirSync(downloads)) await runProgram('dpkg', ['-x', join(downloads, file), root])
}

function pgbench(
  command: string,
  env: NodeJS.ProcessEnv,
  folder: string,
  { socketFolder, database }: { socketFolder: string; database: string },
): Pgbench {
  return {
    async run(script, requests) {
      const file = join(folder, 'pgbench.sql')
      writeFileSync(file, script.endsWith('\\gset') ? `${script}\n` : `${script};\n`)
      const options = [
        '--no-vacuum',
        `--file=${file}`,
        `--client=${CONNECTIONS}`,
        `--transactions=${requests}`,
        '--define=turn=-1',
        '--define=task=0',
      ]
      const out = await runProgram(
        command,
        [...options, '--jobs=2', '--protocol=extended', '-h', socketFolder, '-U', 'app_rw', database],
        { env },
      )
      const tps = /tps = ([\d.]+)/.exec(out)?.[1]
      if (tps === undefined) throw new Error(`pgbench said nothing of its speed:\n${out}`)
      return { perSecond: Number(tps), cpuMs: undefined }
    },
  }
}
