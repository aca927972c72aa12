import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { renderRole } from '../support/rendered.ts'

/** What stands for another account's programs: it takes orders from files, and writes down what it was asked. */
const RUNUSER = String.raw`#!/usr/bin/env bash
[ "$1" = -u ] && shift 3
echo "$*" >>"$HOST/asked"
case "$*" in
*pg_is_in_recovery*) echo f ;;
*last_archived_wal*) echo t ;;
psql*count*) echo 5 15 ;;
psql*) echo 5 ;;
*"mkdir -m 700"*) mkdir "${'$'}{@: -1}" ;;
pgbackrest*) for no in $(cat "$HOST/refused" 2>/dev/null); do case "$*" in *"$no"*) exit 1 ;; esac; done ;;
esac
`
/** What stands for restic where it is not about it. */
const RESTIC = `#!/usr/bin/env bash
echo "restic $RESTIC_REPOSITORY $*" >>"$HOST/asked"
`

interface Host {
  readonly folder: string
  readonly run: (
    program: string,
    ...args: string[]
  ) => { readonly status: number | null; readonly said: string }
  /** What was asked of other programs since the last time. */
  readonly asked: () => string
  readonly refuse: (...what: string[]) => void
  readonly figures: (name: string) => string | undefined
}

/** The programs of a host that keeps backups, in a folder of their own. */
function startHost(
  t: TestContext,
  { hasSecond = false, hasRestic = false, ...values }: Readonly<Record<string, unknown>> = {},
): Host {
  const folder = mkdtempSync(join(tmpdir(), 'mh-backup-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  const at = (name: string) => join(folder, name)
  for (const name of ['bin', 'etc', 'uploads', 'figures', 'drill', 'second']) mkdirSync(at(name))
  const install = (name: string, text: string) => {
    writeFileSync(join(folder, 'bin', name), text, { mode: 0o755 })
  }
  const all = {
    backup_folder: folder,
    backup_passphrase: 'sesame',
    backup_paths: [at('uploads'), at('etc')],
    backup_files_folder: at('uploads'),
    backup_figures_folder: at('figures'),
    backup_drill_folder: at('drill'),
    backup_postgres_version: 15,
    backup_has_second_database: hasSecond,
    backup_has_second_files: hasSecond,
    ...values,
  }
  for (const name of ['manyhands-backup', 'manyhands-restic', 'manyhands-restore-drill'])
    install(name, renderRole('backup', `${name}.j2`, all).replaceAll('/etc/manyhands', at('etc')))
  install('runuser', RUNUSER)
  if (hasRestic !== true) install('restic', RESTIC)
  writeFileSync(at('etc/backup-passphrase'), 'sesame')
  writeFileSync(at('etc/app-keys.json'), '{"key":1}')
  writeFileSync(at('etc/backup-second.env'), `RESTIC_REPOSITORY='${at('second')}'\n`)
  const env = { ...process.env, HOST: folder, PATH: `${at('bin')}:${process.env['PATH'] ?? ''}` }
  return {
    folder,
    run: (program, ...args) => {
      const { status, stdout, stderr } = spawnSync(program, args, { env, encoding: 'utf8' })
      return { status, said: stdout + stderr }
    },
    asked: () => {
      const text = existsSync(at('asked')) ? readFileSync(at('asked'), 'utf8') : ''
      rmSync(at('asked'), { force: true })
      return text
    },
    refuse: (...what) => {
      writeFileSync(at('refused'), what.join('\n'))
    },
    figures: (name) =>
      existsSync(at(`figures/${name}.prom`)) ? readFileSync(at(`figures/${name}.prom`), 'utf8') : undefined,
  }
}

test('a backup that fails is no success, from wherever it was to be taken', (t) => {
  for (const databases of [[], ['10.0.0.1']]) {
    const host = startHost(t, { backup_database_hosts: databases })
    host.refuse('type=full')
    for (const kind of ['full', 'incr']) {
      const fails = kind === 'full'
      assert.equal(host.run('manyhands-backup', kind).status, fails ? 1 : 0)
      assert.equal(host.figures(`backup_${kind}`) === undefined, fails, kind)
    }
    host.refuse('--backup-standby')
    assert.equal(host.run('manyhands-backup', 'full').status, 0)
    assert.match(
      host.figures('backup_full') ?? '',
      /^manyhands_backup_last_success_seconds\{kind="full"\} \d+\n$/,
    )
  }
  assert.equal(startHost(t).run('manyhands-backup').status, 2)
})

test('each place is told apart, and one that is away costs its own backup alone', (t) => {
  const host = startHost(t, { hasSecond: true })
  host.refuse('--repo=1')
  assert.equal(host.run('manyhands-backup', 'incr').status, 1)
  assert.equal(host.figures('backup_incr'), undefined)
  assert.match(host.figures('backup_incr_second') ?? '', /\{kind="incr",place="second"\} \d+\n$/)
  host.refuse()
  host.asked()
  assert.equal(host.run('manyhands-backup', 'incr').status, 0)
  assert.match(host.asked(), /--repo=1 backup\n.*--repo=2 backup\n/)
  assert.equal(host.run('manyhands-backup', 'full', 'second').status, 0)
  assert.match(host.asked(), /^pgbackrest .*--type=full --repo=2 backup\n$/)
  assert.equal(host.run('manyhands-backup', 'files').status, 0)
  const asked = host.asked()
  assert.ok(asked.includes(`restic ${host.folder}/files --quiet backup`), asked)
  assert.ok(asked.includes(`restic ${host.folder}/second --quiet backup`), asked)
  assert.equal(startHost(t).run('manyhands-restic', 'second', 'snapshots').status, 2)
})

test('the drill reads uploaded files back, also after a power cut, and says when one is another', async (t) => {
  if (spawnSync('restic', ['version']).status !== 0) {
    t.skip('restic is not here: sudo apt-get install restic')
    return
  }
  const host = startHost(t, { hasRestic: true, hasSecond: true })
  const upload = join(host.folder, 'uploads', 'picture [1].png')
  writeFileSync(upload, 'a picture')
  for (const place of ['first', 'second']) assert.equal(host.run('manyhands-restic', place, 'init').status, 0)
  const died = spawn(join(host.folder, 'bin', 'manyhands-restic'), ['first', 'backup', '--stdin'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const locks = () => host.run('ls', join(host.folder, 'files', 'locks')).said.trim()
  for (let tries = 0; locks() === '' && tries < 200; tries++) await sleep(50)
  assert.notEqual(locks(), '')
  died.kill('SIGKILL')
  await once(died, 'exit')
  assert.notEqual(locks(), '')

  const backup = host.run('manyhands-backup', 'files')
  assert.equal(backup.status, 0, backup.said)
  writeFileSync(join(host.folder, 'uploads', 'later'), 'is in no backup')
  for (const [place, name] of [
    ['first', 'restore_drill'],
    ['second', 'restore_drill_second'],
  ] as const) {
    const drill = host.run('manyhands-restore-drill', '--from', place)
    assert.equal(drill.status, 0, drill.said)
    assert.match(drill.said, / 1 uploaded files/)
    const label = place === 'first' ? '' : String.raw`\{place="second"\}`
    assert.match(
      host.figures(name) ?? '',
      new RegExp(String.raw`^manyhands_restore_drill_last_success_seconds${label} \d+\n`),
    )
  }
  assert.match(host.asked(), /--repo=1 .*restore\n[^]*--repo=2 .*restore\n/)

  rmSync(join(host.folder, 'figures', 'restore_drill.prom'))
  const restic = join(host.folder, 'bin', 'manyhands-restic')
  renameSync(restic, `${restic}-whole`)
  const restored = join(host.folder, 'drill', 'files', host.folder, 'etc')
  for (const [what, damage] of [
    ['picture', 'case "$*" in *dump*) tr a o ;; *) cat ;; esac'],
    ['app-keys', `cat; [ ! -d "${restored}" ] || echo '{"key":2}' >"${restored}/app-keys.json"`],
  ]) {
    const damaged = `#!/usr/bin/env bash\nset -o pipefail\n"$0-whole" "$@" | { ${damage}; }\n`
    writeFileSync(restic, damaged, { mode: 0o755 })
    const drill = host.run('manyhands-restore-drill')
    assert.match(drill.said, new RegExp(`${what}.* differ`))
    assert.equal(drill.status, 1)
    assert.equal(host.figures('restore_drill'), undefined)
  }
})
