import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runPlaybook } from '../support/ansible.ts'

const ansible = fileURLToPath(new URL('../../ansible', import.meta.url))

test('a run for one role needs nothing that the plays of others would have asked', async (t) => {
  const site = mkdtempSync(join(tmpdir(), 'mh-tags-'))
  t.after(() => {
    rmSync(site, { recursive: true, force: true })
  })
  cpSync(join(ansible, 'inventories/single'), site, { recursive: true })
  try {
    execFileSync(join(ansible, 'scripts/make-secrets'), [site])
  } catch (error) {
    // What a shell ends with where there is no such program.
    if ((error as { status?: number }).status !== 127) throw error
    t.skip('Ansible is not here: sudo apt-get install ansible')
    return
  }
  // The site has none of them: what is left of the playbook is what every run does.
  const vault = ['--vault-password-file', join(site, '.vault-password')]
  const args = [...vault, '--tags', 'deploy_server', '--check', '--extra-vars', 'ansible_become=false']
  const played = await runPlaybook(t, ansible, ['-i', site, 'site.yml', ...args], {
    ANSIBLE_LOCAL_TEMP: site,
  })
  if (!played) return
  assert.equal(played.status, 0, played.output)
})
