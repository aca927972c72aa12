import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runProgram } from './run-program.ts'

/**
 * Unpacks Debian's packages into a folder, which needs no root, unless an earlier call did.
 *
 * @throws Error when they are not to be had.
 */
export async function unpackPackages(packages: readonly string[], root: string): Promise<void> {
  if (existsSync(root)) return
  mkdirSync(dirname(root), { recursive: true })
  const making = mkdtempSync(`${root}-`)
  const downloads = join(making, 'packages')
  mkdirSync(downloads)
  try {
    if (process.getuid?.() === 0) await runProgram('apt-get', ['update', '-qq'])
    await runProgram('apt-get', ['download', ...packages], { cwd: downloads })
    for (const file of readdirSync(downloads)) {
      if (file.endsWith('.deb')) await runProgram('dpkg', ['-x', join(downloads, file), join(making, 'root')])
    }
    renameSync(join(making, 'root'), root)
  } catch (error) {
    // Whoever was faster made the same.
    if (!existsSync(root)) throw error
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
}

/** Where the libraries of unpacked packages are, for LD_LIBRARY_PATH. */
export function libraryPath(root: string): string {
  const lib = join(root, 'usr/lib')
  // Some packages bring none.
  if (!existsSync(lib)) return ''
  return [lib, ...readdirSync(lib).map((name) => join(lib, name))].join(':')
}
