import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { said } from './drills.ts'
import { HaSite, Load } from './ha-site.ts'
import { DOMAIN, ask, changeInventory, hosts, provision, siteFolder, useSite } from './hosts.ts'
import { ALL_HOSTS, provisionHa } from './prove-ha.ts'
import { steps } from './steps.ts'

const OFFSITE = 'off1'
const ANALYTICS = 'ana1'
const LOAD_MS = 20_000
/** How long an answer may be under way to the other place. */
const UNDER_WAY_MS = 5_000

/**
 * Adds a standby at another place and a replica for analytics to the ha profile, asks as an analyst, and then loses the
 * whole place and brings the site up at the other one, as docs/operations/fail-over.md says it.
 *
 * @param args `--on` takes the hosts of the ha profile that run already; `--keep` leaves what is left running.
 * @returns the exit status.
 */
export async function provePlaces(args: readonly string[]): Promise<number> {
  const { step, print } = steps()
  await hosts(['check'])
  try {
    const folder = args.includes('--on') ? siteFolder : await provisionHa(ALL_HOSTS, step)
    await step('Two more hosts', () => addHosts(folder))
    await step('Ask as an analyst', () => askAsAnalyst(folder))
    const load = await Load.start(new HaSite(folder), 'app1', DOMAIN)
    await sleep(LOAD_MS)
    const lostAt = Date.now()
    await hosts(['kill', ...ALL_HOSTS, ANALYTICS])
    await load.stop()
    const other = await step('The other place', () => promote(folder))
    await step('Use the site there', () => useSite(OFFSITE, DOMAIN, other))
    const there = { query: (sql: string) => ask(['exec', OFFSITE, ...PSQL, '-c', sql]) }
    const { acknowledged, lost } = await load.check(there)
    const early = await load.check(there, lostAt - UNDER_WAY_MS)
    console.log(`
${acknowledged} answers had been acknowledged, ${lost} of them are not at the other place: ${early.lost} of those older than ${UNDER_WAY_MS / 1000} s`)
    return early.lost === 0 ? 0 : 1
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
    print()
  }
}

const PSQL = ['runuser', '-u', 'postgres', '--', 'psql', '-qXAt', 'manyhands']

async function addHosts(folder: string): Promise<void> {
  await hosts(['up', OFFSITE, ANALYTICS])
  await changeInventory(folder, ({ all }) => {
    for (const [host, group] of [
      [OFFSITE, 'offsite'],
      [ANALYTICS, 'analytics'],
    ] as const) {
      all.hosts[host] = {}
      all.children[group] = { hosts: { [host]: null } }
    }
  })
  await provision(folder)
}

/** What may be read is read, and what is personal is not. */
async function askAsAnalyst(folder: string): Promise<void> {
  const vault = await ask([
    ...['net', 'ansible-vault', 'view', '--vault-password-file', join(folder, '.vault-password')],
    join(folder, 'group_vars/all/vault.yml'),
  ])
  const { vault_analytics_password: password } = parse(vault) as { vault_analytics_password: string }
  const asked = (sql: string) =>
    said(
      ANALYTICS,
      `PGPASSWORD='${password}' psql -qXAt -h 127.0.0.1 -U analyst manyhands -c '${sql}' 2>&1 || true`,
    )
  const tasks = await asked('select count(*) > 0 from task')
  assert.equal(tasks, 't', 'tasks are read')
  assert.match(await asked('select email from user_account'), /permission denied/)
  assert.match(await asked('select device_id from contributor'), /permission denied/)
  console.log('An analyst reads tasks, and neither addresses nor devices.')
}

/** Makes the host of the other place a site of its own. @returns its folder */
async function promote(folder: string): Promise<string> {
  await hosts(['exec', OFFSITE, 'systemctl', 'stop', 'patroni'])
  const other = join(dirname(folder), 'elsewhere')
  rmSync(other, { recursive: true, force: true })
  cpSync(folder, other, { recursive: true, filter: (path) => !path.endsWith('/load') })
  const groups = ['databases', 'etcd', 'redis', 'app']
  await changeInventory(other, ({ all }) => {
    all.hosts = { [OFFSITE]: {} }
    for (const [name, group] of Object.entries(all.children))
      if (group) group.hosts = groups.includes(name) ? { [OFFSITE]: null } : {}
  })
  await provision(other)
  return other
}
