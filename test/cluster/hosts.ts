import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = join(root, 'test/cluster/hosts.sh')
const state = join(
  process.env['CLUSTER_DIR'] ?? '/var/tmp/manyhands-cluster',
  process.env['CLUSTER_NAME'] ?? 'mh',
)

/** Where the site's folder is that `makeSite` makes. */
export const siteFolder = join(state, 'site')

interface Inventory {
  all: {
    hosts: Record<string, Record<string, unknown> | null>
    children: Record<string, { hosts?: Record<string, unknown> | null } | undefined>
  }
}

/** What a site on these hosts has otherwise than its profile. */
export interface SiteChanges {
  /** Where its folder is to be, when not at `siteFolder`. */
  readonly folder?: string
  /** Of the profile's hosts, only these. */
  readonly hosts?: readonly string[]
  /** Beside them these, each in a group. */
  readonly joined?: Readonly<Record<string, string>>
  readonly settings?: Readonly<Record<string, unknown>>
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
  return runScript(script, args, { env })
}

/** The same, and shows nothing. */
export function ask(args: readonly string[]): Promise<string> {
  return runScript(script, args, { isQuiet: true })
}

/** Where the hosts' network is: the first three numbers of their addresses. */
export const NETWORK = process.env['CLUSTER_NET'] ?? '10.231.0'

/** Packs what hosts are to run while there is a way out: Ansible, in the hosts' own network, has none. */
export async function packRelease(): Promise<void> {
  await runScript(join(root, 'ansible/scripts/build-release'), [join(root, '.data/releases')])
}

async function runScript(
  path: string,
  args: readonly string[],
  { env = {}, isQuiet = false }: { env?: NodeJS.ProcessEnv; isQuiet?: boolean } = {},
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
    if (!isQuiet) process.stdout.write(text)
  })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject).once('close', resolve)
  const status = await promise.finally(() => running.delete(child))
  if (status === 0) return said
  throw new Error(`${basename(path)} ${args.slice(0, 3).join(' ')} ended with ${status ?? 'a signal'}`)
}

/**
 * A site's folder for these hosts: the profile's inventory, reached by ssh, with secrets of its own.
 *
 * @param profile a folder of ansible/inventories, or of this one
 */
export async function makeSite(profile: string, changes: SiteChanges = {}): Promise<string> {
  const { folder = siteFolder } = changes
  const from = ['ansible/inventories', 'test/cluster']
    .map((parent) => join(root, parent, profile))
    .find((path) => existsSync(path))
  if (from === undefined) throw new Error(`There is no profile ${profile}`)
  mkdirSync(join(folder, 'group_vars'), { recursive: true })
  cpSync(join(from, 'group_vars'), join(folder, 'group_vars'), {
    recursive: true,
    filter: (path) => !path.endsWith('vault.yml'),
  })
  // Ansible reads them by their names: after the profile's main.yml.
  writeFileSync(join(folder, 'group_vars/all/own.yml'), stringify(changes.settings ?? {}, { version: '1.1' }))
  const inventory = readInventory(from)
  await writeInventory(folder, await placed(inventory, changes))
  await hosts(['net', join(root, 'ansible/scripts/make-secrets'), folder])
  return folder
}

/** Changes which hosts a site has, as somebody does who edits its inventory. */
export async function changeInventory(site: string, change: (inventory: Inventory) => void): Promise<void> {
  const inventory = readInventory(site)
  change(inventory)
  await writeInventory(site, await placed(inventory))
}

/** The hosts of a group, as the inventory names them. */
export function hostsOf(site: string, group: string): string[] {
  return Object.keys(readInventory(site).all.children[group]?.hosts ?? {})
}

function readInventory(folder: string): Inventory {
  return parse(readFileSync(join(folder, 'hosts.yml'), 'utf8')) as Inventory
}

async function writeInventory(folder: string, inventory: Inventory): Promise<void> {
  writeFileSync(join(folder, 'hosts.yml'), stringify(inventory, { version: '1.1' }))
  writeFileSync(join(folder, 'ssh_config'), await ask(['ssh-config']))
}

/** The inventory with these hosts' addresses, and without the hosts that are not to be. */
async function placed(
  inventory: Inventory,
  { hosts: only, joined = {} }: SiteChanges = {},
): Promise<Inventory> {
  const addresses = await hostAddresses()
  const { all } = inventory
  for (const [host, group] of Object.entries(joined)) {
    all.hosts[host] = {}
    const entry = (all.children[group] ??= { hosts: {} })
    entry.hosts = { ...entry.hosts, [host]: null }
  }
  const isWanted = ([name]: [string, unknown]) => only?.includes(name) ?? true
  for (const group of Object.values(all.children))
    if (group) group.hosts = Object.fromEntries(Object.entries(group.hosts ?? {}).filter(isWanted))
  const wanted = Object.entries(all.hosts).filter(isWanted)
  all.hosts = Object.fromEntries(
    wanted.map(([name, variables]) => {
      const { ansible_connection: _, ...others } = variables ?? {}
      return [name, { ...others, ansible_host: addresses.get(name) }]
    }),
  )
  return inventory
}

/** The address of each host that was booted. */
async function hostAddresses(): Promise<ReadonlyMap<string, string>> {
  const said = await ask(['ssh-config'])
  return new Map(
    [...said.matchAll(/^Host (\S+)\n {2}HostName (\S+)$/gm)].map(([, host, at]) => [host ?? '', at ?? '']),
  )
}

/** Runs site.yml and gives how many tasks changed something. */
export async function provision(site: string, args: readonly string[] = []): Promise<number> {
  const said = await runPlaybook('site.yml', site, args)
  return [...said.matchAll(/ changed=(\d+) /g)].reduce((sum, [, count]) => sum + Number(count), 0)
}

/** Runs a playbook of ansible/ and gives what it says. @throws Error when it fails. */
export function runPlaybook(name: string, site: string, args: readonly string[]): Promise<string> {
  return hosts(
    [
      ...['net', 'ansible-playbook', '-i', site, '--vault-password-file', join(site, '.vault-password')],
      ...[join(root, 'ansible', name), ...args],
    ],
    {
      ANSIBLE_CONFIG: join(root, 'ansible/ansible.cfg'),
      // A machine with much else to do is slow, not broken.
      ANSIBLE_TIMEOUT: '60',
      ANSIBLE_SSH_ARGS: `-F ${join(site, 'ssh_config')}`,
    },
  )
}

/** The name of the site in the profiles' inventories. */
export const DOMAIN = 'manyhands.example'

/** The address at which a site on several hosts is reached, whichever of them serves. */
export const floatingAddress = `${NETWORK}.100`

export async function addressOf(host: string): Promise<string> {
  const address = (await hostAddresses()).get(host)
  if (address === undefined) throw new Error(`There is no host ${host}`)
  return address
}

/** Goes through a host's nginx as its visitors do. */
export async function useSite(host: string, domain: string, site: string): Promise<void> {
  const authority = await readAuthority(host, site)
  await runOnNetwork('use-site.ts', [await addressOf(host), domain, authority])
}

/** Runs a program of this folder on the hosts' network to its end, and gives what it says. */
export async function runOnNetwork(name: string, args: readonly string[]): Promise<string> {
  return hosts(['net', process.execPath, join(root, 'test/cluster', name), ...args])
}

/** Leaves the certificate of a site's own authority in its folder. @returns the file. */
export async function readAuthority(host: string, site: string): Promise<string> {
  const file = join(site, 'authority.crt')
  writeFileSync(file, await ask(['exec', host, 'cat', '/etc/manyhands/tls/authority.crt']))
  return file
}

/** A program of this folder that runs on the hosts' network until it is told to stop, and then says what it saw. */
export interface Watching {
  /** What it says to a line of its input, where it reads any. */
  ask(): Promise<string>
  stop(): Promise<string>
}

export async function startOnNetwork(name: string, args: readonly string[]): Promise<Watching> {
  const child = spawn('bash', [script, 'net', process.execPath, join(root, 'test/cluster', name), ...args], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
    // The kernel shares processors out by sessions: people are elsewhere, and wait for no playbook that runs here.
    detached: true,
  })
  running.add(child)
  const lines: string[] = []
  const started = Promise.withResolvers<boolean>()
  const output = createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    started.resolve(true)
  })
  const closed = once(output, 'close').finally(() => {
    running.delete(child)
    started.resolve(false)
  })
  if (!(await started.promise)) throw new Error(`${name} ended before it began`)
  return {
    async ask() {
      const answer = once(output, 'line')
      child.stdin.write('\n')
      const [line] = (await answer) as [string]
      return line
    },
    async stop() {
      child.stdin.end()
      await closed
      return lines.at(-1) ?? ''
    },
  }
}
