import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { DOMAIN, ask, provision, useSite } from './hosts.ts'

interface Vault {
  vault_database_passwords: Record<string, string>
  vault_redis_passwords: Record<string, string>
  vault_app_keys: { id: string; key: string }[]
}

/** New passwords of the database and of Redis, and a new application key before the old one, as rotate-secrets.md says. */
export async function rotateSecrets(host: string, site: string): Promise<void> {
  const file = join(site, 'group_vars/all/vault.yml')
  const locked = ['--vault-password-file', join(site, '.vault-password')]
  const vault = parse(await ask(['net', 'ansible-vault', 'view', ...locked, file])) as Vault
  for (const passwords of [vault.vault_database_passwords, vault.vault_redis_passwords])
    for (const name of Object.keys(passwords)) passwords[name] = `new-${passwords[name] ?? ''}`
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
  vault.vault_app_keys.unshift({ id: 'next', key })
  const open = `${site}.vault`
  writeFileSync(open, stringify(vault), { mode: 0o600 })
  await ask(['net', 'ansible-vault', 'encrypt', ...locked, '--output', file, open])
  rmSync(open)
  await provision(site)
  await useSite(host, DOMAIN, site)
  assert.equal(await provision(site), 0, 'a second run changes nothing')
}
