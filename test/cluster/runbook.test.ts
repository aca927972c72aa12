import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { blocksOf, commandsOf, quotedOf } from './runbook.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const pages = readdirSync(new URL('docs/operations', root)).filter((name) => name.endsWith('.md'))

/** What stands in a block and is no command: parts of files, and a list of folders. */
const NO_COMMAND = /^(all:|app:|certificate_source:|acme_|-- contract:|\/opt\/manyhands\/)/
/** Commands that are run in other words than the page's: by which file, and how it says it. */
const ELSEWHERE: readonly (readonly [command: string, file: string, words: string])[] = [
  ['ansible-playbook -i inventories/mysite', 'test/cluster/hosts.ts', "'ansible-playbook', '-i', site"],
  ['cd ansible', 'test/cluster/hosts.ts', "'ansible/ansible.cfg'"],
  ['cp -r ansible/inventories/', 'test/cluster/hosts.ts', "['ansible/inventories', 'test/cluster']"],
  ['ansible/scripts/make-secrets', 'test/cluster/hosts.ts', "'ansible/scripts/make-secrets'"],
  ['ansible/scripts/build-release out', 'test/cluster/upgrade-host.ts', "'ansible/scripts/build-release'"],
  ['manyhands upgrade /tmp/release-', 'test/cluster/upgrade-host.ts', 'manyhands upgrade ${archive}'],
  ['apt-get install --no-install-recommends ansible', '.ci/run', 'missing+=(ansible)'],
  ['git clone THE-REPOSITORY', 'test/cluster/upgrade-host.ts', "git('clone'"],
  ['ansible-vault edit', 'test/cluster/rotate-secrets.ts', "'ansible-vault', 'view'"],
  ['patronictl -c /etc/patroni/config.yml list', 'test/cluster/ha-site.ts', "'list',"],
  ['patronictl list', 'test/cluster/ha-site.ts', "'list',"],
  ['patronictl switchover', 'test/cluster/drill-databases.ts', "'switchover', '--force'"],
  ['apt-get update', 'test/cluster/prove-single.ts', 'apt-get install -qq --reinstall postgresql-15'],
  ['apt-get install --only-upgrade', 'test/cluster/prove-single.ts', '--reinstall postgresql-15'],
  ['patronictl restart', 'test/cluster/drill-databases.ts', "'restart', 'manyhands', copy, '--force'"],
  ['ssh -L 5433', 'test/cluster/prove-places.ts', '-h 127.0.0.1 -U analyst'],
  ["psql 'host=127.0.0.1 port=5433", 'test/cluster/prove-places.ts', '-h 127.0.0.1 -U analyst'],
  ["manyhands-restore-drill '2026", 'test/cluster/prove-ha.ts', "'manyhands-restore-drill', moment"],
  ['manyhands-sentinel sentinel failover', 'test/cluster/redis-masters.ts', 'sentinel failover ${use}'],
  [
    'manyhands-sentinel sentinel get-master',
    'test/cluster/redis-masters.ts',
    'get-master-addr-by-name ${use}',
  ],
  ['manyhands jobs rebuild', 'test/cluster/prove-replica.ts', "'manyhands', 'jobs', 'rebuild'"],
  ['gluster volume heal', 'test/cluster/runbooks-ha.ts', 'gluster volume heal files info'],
  ['ssh-keygen -t ed25519', 'test/cluster/hosts.sh', "ssh-keygen -q -t ed25519 -N ''"],
  [
    'node src/bin/bootstrap.js src/bin/deploy-server.ts',
    'test/bin/deploy-server.test.ts',
    'deploy-server.ts',
  ],
  ['manyhands switch', 'ansible/rollback.yml', "switch, '{{ release }}'"],
  ['ansible-playbook … rollback.yml', 'test/ansible/rollback.test.ts', "'rollback.yml', '--extra-vars'"],
  ['manyhands prune', 'test/bin/upgrade.test.ts', 'pruneCommand.run('],
  ['manyhands fits', 'test/bin/upgrade.test.ts', 'fitsCommand.run('],
  ['manyhands check', 'test/bin/manyhands.test.ts', "manyhands(['check']"],
  ['manyhands-restore-drill --from second', 'test/cluster/runbooks-single.ts', '--from second'],
  ['manyhands-backup full', 'test/ansible/backup.test.ts', "'manyhands-backup', 'full'"],
  ['manyhands-restic', 'test/ansible/backup.test.ts', "'manyhands-restic', 'second', 'snapshots'"],
]
/** What is not run: only GitHub itself answers it, and what nobody is to type. */
const NOT_HERE = /^(gh api|patronictl edit-config)/

test('what a page of operations tells to type is found behind its words, or it is said that it is not', () => {
  const words = 'To a chosen second, on the same host.'
  const moment = '2026-11-21 12:00:00+00'
  const commands = commandsOf('restore.md', words, { [moment]: 'now' })
  assert.equal(commands[0], "systemctl stop 'manyhands-*'")
  assert.ok(commands.some((command) => command.includes("--target='now'")))
  assert.throws(() => commandsOf('restore.md', 'Nobody says this'), /does not say/)
  assert.throws(() => commandsOf('restore.md', words, { never: 'now' }), /is not behind/)
})

test('a drill or a test runs each command that a page of operations tells to type', () => {
  const drills = readdirSync(new URL('test/cluster', root))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => read(`test/cluster/${name}`))
    .filter((text) => text.includes('commandsOf('))
  const asked = drills.flatMap((text) => text.match(/(?:commandsOf|type)\([^)]*|const page = [^\n]*/g) ?? [])
  const words = asked.flatMap((text) =>
    [...text.matchAll(/'([^'\n]{8,})'|"([^"\n]{8,})"/g)].map(([, one, other]) => one ?? other ?? ''),
  )
  for (const [command, file, how] of ELSEWHERE) assert.ok(read(file).includes(how), `${file}: ${command}`)
  const blocks = pages.flatMap((page) => blocksOf(page).flat())
  const nobodyRuns = pages.flatMap((page) => {
    const text = read(`docs/operations/${page}`)
    const typed = new Set(words.filter((some) => text.includes(some)).flatMap((some) => typedOf(page, some)))
    // What stands in a sentence is told at length elsewhere, or the drill of alerts types all of its page.
    const quoted = quotedOf(page).filter((line) => !blocks.some((command) => command.startsWith(line)))
    return [...blocksOf(page).flat(), ...(page === 'read-the-alerts.md' ? [] : quoted)]
      .filter((line) => !NO_COMMAND.test(line) && !NOT_HERE.test(line) && !typed.has(line))
      .filter((line) => !ELSEWHERE.some(([command]) => line.startsWith(command)))
      .map((line) => `${page}: ${line}`)
  })
  assert.deepEqual(nobodyRuns, [])
})

/** What a drill that says these words types. */
function typedOf(page: string, words: string): string[] {
  try {
    return commandsOf(page, words)
  } catch {
    return []
  }
}
