import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { said } from './drills.ts'
import { DOMAIN, provision, useSite } from './hosts.ts'
import { commandsOf, typeOn } from './runbook.ts'

/** Goes back to a chosen second on the host itself, by the commands of docs/operations/restore.md. */
export async function restoreInPlace(host: string, site: string): Promise<void> {
  const taskRuns = () =>
    said(host, `runuser -u postgres -- psql -qXAt manyhands -c 'select count(*) from task_run'`)
  const before = await taskRuns()
  await sleep(1_000)
  const moment = await said(host, `date -u '+%F %T+00'`)
  await sleep(2_000)
  await useSite(host, DOMAIN, site)
  assert.notEqual(await taskRuns(), before)
  const page = ['restore.md', 'To a chosen second, on the same host.'] as const
  for (const command of commandsOf(...page, { '2026-11-21 12:00:00+00': moment })) await typeOn(host, command)
  await provision(site)
  assert.equal(await taskRuns(), before, `what came after ${moment} is gone, and nothing else`)
  await useSite(host, DOMAIN, site)
}

/** Loses what people uploaded, and brings it back. */
export async function bringFilesBack(host: string): Promise<void> {
  const file = '/var/lib/manyhands/files/drill/a picture.jpg'
  await typeOn(host, `mkdir -p "$(dirname '${file}')"; head -c 100000 /dev/urandom >'${file}'`)
  const sum = await said(host, `sha256sum '${file}'`)
  await typeOn(host, 'manyhands-backup files')
  await typeOn(host, `rm '${file}'`)
  for (const command of commandsOf('restore.md', '**Files** come back with')) await typeOn(host, command)
  assert.equal(await said(host, `sha256sum '${file}'`), sum)
}
