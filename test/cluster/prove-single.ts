import { DOMAIN, hosts, useSite } from './hosts.ts'
import { provisionBare } from './provision-bare.ts'
import { rotateSecrets } from './rotate-secrets.ts'
import { addSecondPlace, bringFilesBack, moveToFreshMachine, restoreInPlace } from './runbooks-single.ts'
import { steps } from './steps.ts'
import { upgradeHost } from './upgrade-host.ts'

/**
 * Brings a bare Debian host to a working site with the single profile, uses it, upgrades its PostgreSQL and restores its
 * backup, and prints how long each step took.
 *
 * @param args `--runbooks` goes back to a chosen second as well, loses files, rotates secrets and at last moves to a fresh machine;
 *   `--upgrade` upgrades it to good and bad releases; `--keep` leaves the host running.
 * @returns the exit status.
 */
export async function proveSingle(args: readonly string[]): Promise<number> {
  const { step, print } = steps()
  await hosts(['check'])
  try {
    const site = await provisionBare('single', ['site'], step)
    await step('Use the site', () => useSite('site', DOMAIN, site))
    await step('PostgreSQL anew', upgradePostgres)
    // By their units, as their timers begin them.
    const units = ['backup-incr', 'backup-files', 'restore-drill', 'ship-logs'].map(
      (name) => `manyhands-${name}`,
    )
    await step('Backup and restore', () => hosts(['exec', 'site', 'systemctl', 'start', ...units]))
    if (args.includes('--runbooks')) {
      await step('To a chosen second', () => restoreInPlace('site', site))
      await step('Files brought back', () => bringFilesBack('site'))
      await step('Secrets rotated', () => rotateSecrets('site', site))
      await step('A second place', () => addSecondPlace('site', site))
    }
    if (args.includes('--upgrade')) await step('Upgrade, and back', () => upgradeHost('site', site))
    // The host is lost by it.
    if (args.includes('--runbooks'))
      await step('Onto a fresh machine', () => moveToFreshMachine('site', site))
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
    print()
  }
  return 0
}

/** As docs/operations/upgrade-postgresql.md has it, with the version that is there: the package starts PostgreSQL anew. */
async function upgradePostgres(): Promise<void> {
  const postmaster = 'head -1 /var/lib/postgresql/15/main/postmaster.pid'
  const script = `before=$(${postmaster}) && apt-get install -qq --reinstall postgresql-15 && test "$before" != "$(${postmaster})"`
  await hosts(['exec', 'site', 'bash', '-c', script])
}
