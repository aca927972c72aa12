import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { ask, hosts } from './hosts.ts'
import { BAD_RELEASES, WRONG_MIGRATION, goodRelease } from './releases.ts'

const PACKED = resolve('.data/releases')
const BACKUPS = '/opt/manyhands/backups'
const MORE = '9001-more.sql'

/** Brings a host to releases that are made of this checkout's last commit by `manyhands upgrade`: a good one, then bad ones. */
export async function upgradeHost(host: string, site: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-releases-'))
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Octo Cat', '-c', 'user.email=octo@example.org', ...args], {
      cwd: folder,
      encoding: 'utf8',
    }).trim()

  /** Packs a release and copies its three files, as docs/operations/upgrading.md says. */
  async function bring(
    files: Readonly<Record<string, string>>,
  ): Promise<{ release: string; archive: string }> {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    }
    git('add', '.')
    git('commit', '--quiet', '-m', 'A release')
    const said = execFileSync(join(folder, 'ansible/scripts/build-release'), [PACKED], { encoding: 'utf8' })
    const { release, modules } = JSON.parse(said) as { release: string; modules: string }
    const names = [`release-${release}.tar.zst`, `release-${release}.sha256`, `modules-${modules}.tar.zst`]
    const copied = names.map((name) => join(PACKED, name))
    await hosts(['net', 'scp', '-q', '-F', join(site, 'ssh_config'), ...copied, `${host}:/var/tmp/`])
    // Its commit is thrown away as well; the packages serve the next one.
    for (const path of copied.slice(0, 2)) rmSync(path)
    return { release, archive: `/var/tmp/${names[0]}` }
  }
  const run = (script: string) => ask(['exec', host, 'bash', '-c', script])
  const upgrade = async (archive: string) => {
    const said = await run(`cd /; manyhands upgrade ${archive} 2>&1; echo "status $?"`)
    console.log(said)
    return said
  }
  const health = `import urllib.request as r; print(r.urlopen("http://127.0.0.1:3001/healthz").read().decode())`
  const running = async () => (JSON.parse(await run(`python3 -c '${health}'`)) as { release: string }).release

  try {
    git('clone', '--quiet', process.cwd(), '.')
    const good = await bring({
      ...goodRelease(),
      [`src/migrations/${MORE}`]: 'create table more (id integer);\n',
    })
    assert.match(await upgrade(good.archive), /\nBackup: .*\nMigrations: [^]*\nstatus 0\n$/)
    assert.equal(await running(), good.release)
    const dump = (await run(`ls -t ${BACKUPS}/*.dump | head -1`)).trim()
    const kept = await run(`pg_restore --list ${dump}`)
    assert.ok(kept.includes(' task_run ') && !kept.includes(' more '), 'the backup is of before')

    for (const { title, reason, files } of Object.values(BAD_RELEASES)) {
      console.log(title)
      const bad = await bring(files)
      const said = await upgrade(bad.archive)
      assert.match(said, reason)
      assert.match(said, /\nstatus [12]\n$/)
      assert.equal(await running(), good.release, 'it is taken back')
      git('rm', '--quiet', '--ignore-unmatch', WRONG_MIGRATION)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
