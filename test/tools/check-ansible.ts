import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'

/** Fails when ansible-lint finds something, by the profile that ansible/.ansible-lint names, or a playbook cannot be read. */
const playbooks = globSync('*.yml', { cwd: 'ansible', exclude: ['requirements.yml'] }).sort()
const runs = [
  ['ansible-lint', '--offline', '-q', '--nocolor'],
  ...playbooks.map((playbook) => [
    'ansible-playbook',
    ...['--syntax-check', '--inventory', 'inventories/ha', playbook],
  ]),
] as const
for (const [program, ...args] of runs) {
  const { error, status, stdout, stderr } = spawnSync(program, args, { cwd: 'ansible', encoding: 'utf8' })
  if (error) {
    console.log(`Not looked at: ${program} is not here. sudo apt-get install ansible ansible-lint`)
    if (process.env['REQUIRE_ALL'] === '1') process.exitCode = 1
    break
  }
  if (status !== 0) {
    console.log(stdout + stderr)
    process.exitCode = 1
  }
}
