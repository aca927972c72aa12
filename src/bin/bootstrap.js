// Installs the locked dependencies, among them the Node that runs everything else, and then runs a script with it.
// Plain JavaScript without dependencies, for any Node from 20 on:
//
//   node src/bin/bootstrap.js [--with-dev] script.ts [arguments]
//   node src/bin/bootstrap.js --add [-D] package …
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

// npm runs its scripts in the project's folder.
const root = process.cwd()
const modules = join(root, 'node_modules')
const marker = join(modules, '.installed')
const [first, ...others] = process.argv.slice(2)

if (first === '--add') {
  install(false)
  if (process.exitCode) process.exit()
  process.exit(npm(['install', '--ignore-scripts', '--save-exact', '--no-audit', '--no-fund', ...others]))
}
const withDev = first === '--with-dev'
const [script, ...args] = withDev ? others : [first, ...others]
if (script === undefined) {
  console.error('Usage: node src/bin/bootstrap.js [--with-dev] script.ts [arguments]')
  process.exit(2)
}
install(withDev)
if (!process.exitCode) run(pinnedNode(), [join(root, script), ...args])

/** Installs what the lockfile says, when it changed or when development packages are wanted and missing. */
function install(dev) {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  if (isInstalled(wanted, dev)) return
  const lock = `${modules}.lock`
  takeTurn(lock)
  try {
    if (isInstalled(wanted, dev)) return
    const started = Date.now()
    const before = cacheBytes()
    console.log('Installing the locked packages …')
    // Packages that want the pinned Node warn about npm's own; that one runs nothing of them.
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
    const status = npm(['ci', '--ignore-scripts', ...quiet, ...(dev ? [] : ['--omit=dev'])])
    // Set here instead of exiting: the lock has to go first.
    if (status !== 0) {
      process.exitCode = status
      return
    }
    mkdirSync(modules, { recursive: true })
    writeFileSync(marker, `${wanted}${dev ? ' dev' : ''}`)
    const fetched = Math.max(0, cacheBytes() - before) / 1e6
    console.log(
      `Installed in ${((Date.now() - started) / 1000).toFixed(1)} s, ${fetched.toFixed(1)} MB fetched.`,
    )
  } finally {
    rmSync(lock, { force: true })
  }
}

function isInstalled(wanted, dev) {
  if (!existsSync(marker)) return false
  const [hash, kind] = readFileSync(marker, 'utf8').split(' ')
  return hash === wanted && (!dev || kind === 'dev')
}

/** Two installations into one folder at once would leave it broken: the second waits for the first. */
function takeTurn(lock) {
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      if (isAbandoned(lock)) rmSync(lock, { force: true })
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
}

/** Whether the process that made the lock was killed before it could remove it. */
function isAbandoned(lock) {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

function npm(parameters) {
  const { status, error } = spawnSync('npm', parameters, { cwd: root, stdio: 'inherit' })
  if (error) console.error(`npm could not be run: ${error.message}`)
  return status ?? 1
}

/** Bytes in npm's package cache: what grows is what was fetched. */
function cacheBytes() {
  const { stdout } = spawnSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' })
  const folder = join((stdout ?? '').trim(), '_cacache/content-v2')
  if (!existsSync(folder)) return 0
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile())
      bytes +=
        statSync(join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}

/** The Node of the lockfile, by its path: a shell may remember another `node`. */
function pinnedNode() {
  const path = join(modules, `node-${process.platform}-${process.arch}`, 'bin/node')
  if (existsSync(path)) return path
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath
  console.error(
    `There is no packaged Node for ${process.platform}-${process.arch}: run this with Node 24 or newer.`,
  )
  process.exit(1)
}

function run(node, parameters) {
  const child = spawn(node, parameters, { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // The first one only: a Ctrl-C reaches the child from the terminal as well, and while it stops it needs no second word.
  process.once('SIGINT', () => child.kill('SIGINT'))
  process.on('SIGINT', () => undefined)
  child.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  child.on('exit', (status, signal) => process.exit(status ?? 128 + (constants.signals[signal] ?? 0)))
}
