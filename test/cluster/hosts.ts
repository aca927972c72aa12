import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = join(root, 'test/cluster/hosts.sh')
const state = join(
  process.env['CLUSTER_DIR'] ?? '/var/tmp/manyhands-cluster',
  process.env['CLUSTER_NAME'] ?? 'mh',
)

interface Inventory {
  all: { hosts: Record<string, Record<string, unknown> | null> }
}

const running = new Set<ChildProcess>()

// What runs ends, and then whoever waits for it can still take the hosts down.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal)
  })
}

/** Runs a command of hosts.sh to its end and shows what it says. @throws Error when it fails. */
export function hosts(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return runScript(script, args, env)
}

/** Packs what hosts are to run while there is a way out: Ansible, in the hosts' own network, has none. */
export async function packRelease(): Promise<void> {
  await runScript(join(root, 'ansible/scripts/build-release'), [join(root, '.data/releases')])
}

async function runScript(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const child = spawn('bash', [path, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (args[0] !== 'ssh-config') process.stdout.write(text)
  })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject).once('close', resolve)
  const status = await promise.finally(() => running.delete(child))
  if (status === 0) return said
  throw new Error(`${basename(path)} ${args.slice(0, 3).join(' ')} ended with ${status ?? 'a signal'}`)
}

/** A site's folder for these hosts: the profile's inventory, reached by ssh, with secrets of its own. */
export async function makeSite(profile: string): Promise<string> {
  const from = join(root, 'ansible/inventories', profile)
  const folder = join(state, 'site')
  mkdirSync(join(folder, 'group_vars'), { recursive: true })
  cpSync(join(from, 'group_vars'), join(folder, 'group_vars'), {
    recursive: true,
    filter: (path) => !path.endsWith('vault.yml'),
  })
  const inventory = parse(readFileSync(join(from, 'hosts.yml'), 'utf8')) as Inventory
  for (const host of Object.values(inventory.all.hosts)) delete host?.['ansible_connection']
  writeFileSync(join(folder, 'hosts.yml'), stringify(inventory))
  writeFileSync(join(folder, 'ssh_config'), await hosts(['ssh-config']))
  await hosts(['net', join(root, 'ansible/scripts/make-secrets'), folder])
  return folder
}

/** Runs site.yml and gives how many tasks changed something. */
export async function provision(site: string, args: readonly string[] = []): Promise<number> {
  const said = await hosts(
    [
      ...['net', 'ansible-playbook', '-i', site, '--vault-password-file', join(site, '.vault-password')],
      ...[join(root, 'ansible/site.yml'), ...args],
    ],
    {
      ANSIBLE_CONFIG: join(root, 'ansible/ansible.cfg'),
      ANSIBLE_SSH_ARGS: `-F ${join(site, 'ssh_config')}`,
    },
  )
  return [...said.matchAll(/ changed=(\d+) /g)].reduce((sum, [, count]) => sum + Number(count), 0)
}

/** Goes through a host's nginx as its visitors do. */
export async function useSite(host: string, domain: string, site: string): Promise<void> {
  const authority = join(site, 'authority.crt')
  writeFileSync(authority, await hosts(['exec', host, 'cat', '/etc/manyhands/tls/authority.crt']))
  const address = new RegExp(`^Host ${host}\\n  HostName (\\S+)$`, 'm').exec(await hosts(['ssh-config']))?.[1]
  if (address === undefined) throw new Error(`There is no host ${host}`)
  await hosts(['net', process.execPath, join(root, 'test/cluster/use-site.ts'), address, domain, authority])
}
