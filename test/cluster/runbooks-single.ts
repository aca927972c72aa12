import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { said } from './drills.ts'
import { DOMAIN, changeInventory, hosts, provision, siteFolder, useSite } from './hosts.ts'
import { commandsOf, typeOn } from './runbook.ts'

const UPLOAD = '/var/lib/manyhands/files/drill/a picture.jpg'
const FRESH = 'fresh'

const taskRunsOf = (host: string) =>
  said(host, `runuser -u postgres -- psql -qXAt manyhands -c 'select count(*) from task_run'`)

/** Goes back to a chosen second on the host itself, by the commands of docs/operations/restore.md. */
export async function restoreInPlace(host: string, site: string): Promise<void> {
  const before = await taskRunsOf(host)
  await sleep(1_000)
  const moment = await said(host, `date -u '+%F %T+00'`)
  await sleep(2_000)
  await useSite(host, DOMAIN, site)
  assert.notEqual(await taskRunsOf(host), before)
  const page = ['restore.md', 'To a chosen second, on the same host.'] as const
  for (const command of commandsOf(...page, { '2026-11-21 12:00:00+00': moment })) await typeOn(host, command)
  await provision(site)
  assert.equal(await taskRunsOf(host), before, `what came after ${moment} is gone, and nothing else`)
  await useSite(host, DOMAIN, site)
}

/** Loses what people uploaded, and brings it back. */
export async function bringFilesBack(host: string): Promise<void> {
  await typeOn(host, `mkdir -p "$(dirname '${UPLOAD}')"; head -c 100000 /dev/urandom >'${UPLOAD}'`)
  const sum = await said(host, `sha256sum '${UPLOAD}'`)
  await typeOn(host, 'manyhands-backup files')
  await typeOn(host, `rm '${UPLOAD}'`)
  for (const command of commandsOf('restore.md', '**Files** come back with')) await typeOn(host, command)
  assert.equal(await said(host, `sha256sum '${UPLOAD}'`), sum)
}

/** Gives the backups a second place, which is on the same disk here, and restores from there. */
export async function addSecondPlace(host: string, site: string): Promise<void> {
  const settings = {
    pgbackrest_second_repository: { type: 'posix', path: '/srv/second/database' },
    backup_second_repository: '/srv/second/files',
  }
  const file = join(site, 'group_vars/all/second.yml')
  writeFileSync(file, stringify(settings))
  try {
    await provision(site)
    await typeOn(host, 'manyhands-restore-drill --from second')
    assert.equal(await provision(site), 0, 'a second run changes nothing')
  } finally {
    rmSync(file)
  }
}

/** Loses the host for good and makes another one the site, from its backups and the inventory. */
export async function moveToFreshMachine(host: string, site: string): Promise<void> {
  await typeOn(host, 'manyhands-backup files')
  // It waits until the write-ahead log of this moment is kept.
  for (const command of commandsOf('restore.md', '**See that it works.**')) await typeOn(host, command)
  const taskRuns = await taskRunsOf(host)
  const sum = await said(host, `sha256sum '${UPLOAD}'`)
  const kept = `${siteFolder}.backups.tar`
  const ssh = `ssh -F '${join(site, 'ssh_config')}'`
  await hosts(['net', 'bash', '-c', `${ssh} ${host} tar -C /var/backups -c manyhands >'${kept}'`])
  await hosts(['kill', host])

  await hosts(['up', FRESH])
  await changeInventory(site, ({ all }) => {
    all.hosts = { [FRESH]: all.hosts[host] ?? {} }
    for (const group of Object.values(all.children))
      if (group && Object.hasOwn(group.hosts ?? {}, host)) group.hosts = { [FRESH]: group.hosts?.[host] }
  })
  await provision(site)
  const type = async (words: string) => {
    for (const command of commandsOf('restore.md', words)) await typeOn(FRESH, command)
  }
  await type("is the empty site's:")
  await hosts(['net', 'bash', '-c', `${ssh} ${FRESH} tar -C /var/backups -xp <'${kept}'`])
  await typeOn(FRESH, 'chown -R postgres:postgres /var/backups/manyhands/database')
  await type('and restore:')
  await type('**Files** come back with')
  await provision(site)
  assert.equal(await taskRunsOf(FRESH), taskRuns)
  assert.equal(await said(FRESH, `sha256sum '${UPLOAD}'`), sum)
  await useSite(FRESH, DOMAIN, site)
  assert.equal(await provision(site), 0, 'a second run changes nothing')
}
