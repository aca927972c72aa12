import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse, stringify } from 'yaml'
import { said } from './drills.ts'
import { DOMAIN, hosts, provision, useSite } from './hosts.ts'
import { commandsOf } from './runbook.ts'

interface Vault {
  vault_database_passwords: Record<string, string>
  vault_redis_passwords: Record<string, string>
  vault_app_keys: { id: string; key: string }[]
}

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
  for (const command of commandsOf(...page, { '2026-11-21 12:00:00+00': moment })) await run(host, command)
  await provision(site)
  assert.equal(await taskRuns(), before, `what came after ${moment} is gone, and nothing else`)
  await useSite(host, DOMAIN, site)
}

/** Loses what people uploaded, and brings it back. */
export async function bringFilesBack(host: string): Promise<void> {
  const file = '/var/lib/manyhands/files/drill/a picture.jpg'
  await run(host, `mkdir -p "$(dirname '${file}')"; head -c 100000 /dev/urandom >'${file}'`)
  const sum = await said(host, `sha256sum '${file}'`)
  await run(host, 'manyhands-backup files')
  await run(host, `rm '${file}'`)
  for (const command of commandsOf('restore.md', '**Files** come back with')) await run(host, command)
  assert.equal(await said(host, `sha256sum '${file}'`), sum)
}

/** New passwords of the database and of Redis, and a new application key before the old one, as rotate-secrets.md says. */
export async function rotateSecrets(host: string, site: string): Promise<void> {
  const file = join(site, 'group_vars/all/vault.yml')
  const locked = ['--vault-password-file', join(site, '.vault-password')]
  const vault = parse(execFileSync('ansible-vault', ['view', ...locked, file], { encoding: 'utf8' })) as Vault
  for (const passwords of [vault.vault_database_passwords, vault.vault_redis_passwords])
    for (const name of Object.keys(passwords)) passwords[name] = `new-${passwords[name] ?? ''}`
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
  vault.vault_app_keys.unshift({ id: 'next', key })
  const open = `${site}.vault`
  writeFileSync(open, stringify(vault), { mode: 0o600 })
  execFileSync('ansible-vault', ['encrypt', ...locked, '--output', file, open])
  rmSync(open)
  await provision(site)
  await useSite(host, DOMAIN, site)
  assert.equal(await provision(site), 0, 'a second run changes nothing')
}

async function run(host: string, command: string): Promise<void> {
  console.log(`${host}# ${command}`)
  await hosts(['exec', host, 'bash', '-c', `cd /; ${command}`])
}
