import assert from 'node:assert/strict'
import { ask, hosts, makeSite, packRelease, provision } from './hosts.ts'
import type { SiteChanges } from './hosts.ts'
import type { steps } from './steps.ts'

/** Of each of nginx's workers, how many connections and files it may have open. */
const NGINX_FILES = `for pid in $(pgrep -f 'nginx: worker'); do awk '/open files/ { print $4 }' /proc/$pid/limits; done`
const NGINX_FILES_MIN = 10_000

/** The services whose programs may become somebody else. */
const UNBOUND = `for unit in $(systemctl list-units --type=service --state=running --plain --no-legend | cut -d' ' -f1); do
  grep -qs '^NoNewPrivs:.*1' /proc/$(systemctl show -p MainPID --value $unit)/status || echo $unit
done`
/** Those of Debian itself, and what mounts for all. */
const MAY_BE_UNBOUND = /^(cron|dbus|ssh|systemd-\S+|user@\d+|\S*getty\S*)[.]service$/

/** How many web processes a host has, and how many of them its HAProxy leads to; nothing where it has none. */
const WEB_PROCESSES = `units=$(systemctl list-units 'manyhands-web@*' --state=running --plain --no-legend | wc -l)
[ $units = 0 ] || { exec 3<>/dev/tcp/127.0.0.1/8404; printf 'GET /;csv HTTP/1.0\\r\\n\\r\\n' >&3; echo $units $(grep -c "^web,$(hostname)-.*,UP," <&3); }`

/**
 * Brings bare hosts to a site of a profile, and looks whether it stays as it is.
 *
 * @returns its folder.
 * @throws AssertionError when a second run, or check mode, would change something, nginx has no room, HAProxy leads to
 *   fewer web processes than there are, or a service may do anything.
 */
export async function provisionBare(
  profile: string,
  names: readonly string[],
  step: ReturnType<typeof steps>['step'],
  changes: SiteChanges = {},
): Promise<string> {
  await step('Packages, once', () => hosts(['base']))
  await step('Release, once', packRelease)
  await step('Bare hosts', () => hosts(['up', ...names]))
  const site = await makeSite(profile, changes)
  await step('Provision', () => provision(site))
  for (const name of names) {
    const files = (await ask(['exec', name, 'bash', '-c', NGINX_FILES]))
      .split('\n')
      .filter(Boolean)
      .map(Number)
    assert.ok(Math.min(...files) >= NGINX_FILES_MIN, `nginx on ${name}: ${files.join()}`)
    const [there = '', led] = (await ask(['exec', name, 'bash', '-c', WEB_PROCESSES])).trim().split(' ')
    assert.ok(
      there === '' || there === led,
      `${there} web processes of ${name}, ${led ?? '0'} of them in HAProxy`,
    )
    const unbound = (await ask(['exec', name, 'bash', '-c', UNBOUND])).split('\n').filter(Boolean)
    assert.deepEqual(
      unbound.filter((unit) => !MAY_BE_UNBOUND.test(unit)),
      [],
      `services of ${name} that may do anything`,
    )
  }
  await step('Provision again', async () => {
    assert.equal(await provision(site), 0, 'a second run changes nothing')
  })
  await step('Check mode', async () => {
    assert.equal(await provision(site, ['--check', '--diff']), 0, 'check mode finds nothing to change')
  })
  return site
}
