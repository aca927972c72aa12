import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endProcess, identifyProcess, lastLines, spawnServer } from '../../src/bin/local/os-process.ts'
import { makeServerFolder, serverAccount } from '../../src/bin/local/server-account.ts'
import { findProgram } from './debian-program.ts'
import { renderRole } from './rendered.ts'
import type { TemplateValues } from './rendered.ts'
import type { Ending } from './servers.ts'
import { freePort } from './started-site.ts'

export interface Nginx {
  /** Where the site is reached through it. */
  readonly url: string
  readonly folder: string
  readonly pid: number
  /** What it has written into its access log. */
  accessLog(): Promise<Record<string, unknown>[]>
}

const NGINX = {
  name: 'nginx',
  tellsVersionBy: '-v',
  packages: ['nginx', 'libnginx-mod-http-brotli-static'],
}
const BROTLI = 'ngx_http_brotli_static_module.so'

/** What a configuration has to name. */
interface Place {
  readonly folder: string
  /** On loopback. */
  readonly port: number
  readonly modules: string
}

/**
 * nginx with the configuration that Ansible installs.
 *
 * @param variables what differs from the role's defaults.
 */
export async function startNginx(t: Ending, variables: TemplateValues): Promise<Nginx> {
  const isTls = typeof variables['nginx_tls_certificate'] === 'string'
  const other = await freePort()
  return runNginx(t, isTls ? 'https' : 'http', ({ folder, port, modules }) =>
    renderRole('nginx', 'nginx.conf.j2', {
      nginx_listen: [`127.0.0.1:${isTls ? other : port}`],
      nginx_listen_tls: [`127.0.0.1:${port}`],
      nginx_user: '',
      nginx_workers: 1,
      nginx_worker_connections: 2_048,
      nginx_modules_folder: modules,
      nginx_has_brotli: existsSync(join(modules, BROTLI)),
      nginx_pid_file: join(folder, 'nginx.pid'),
      nginx_temp_folder: join(folder, 'temp'),
      nginx_cache_folder: join(folder, 'cache'),
      nginx_log_folder: join(folder, 'log'),
      nginx_error_level: 'warn',
      ...variables,
    }),
  )
}

/** A cache as a CDN has it, which asks a site for what it does not have and obeys what that says. */
export async function startCdn(t: Ending, siteUrl: string): Promise<Nginx> {
  return runNginx(t, 'http', ({ folder, port }) =>
    [
      `pid ${folder}/nginx.pid;`,
      'events {}',
      'http {',
      ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (n) => `${n}_temp_path ${folder}/temp/${n};`,
      ),
      'access_log off;',
      `proxy_cache_path ${folder}/cache/c keys_zone=cdn:1m;`,
      `server { listen 127.0.0.1:${port};`,
      'location / {',
      `proxy_pass ${siteUrl.replace('localhost', '127.0.0.1')};`,
      `proxy_set_header Host ${new URL(siteUrl).host};`,
      'proxy_cache cdn;',
      'add_header X-Cdn $upstream_cache_status always;',
      '} } }',
    ].join('\n'),
  )
}

/** @param configurationFor what it starts with, as an ordinary user. */
async function runNginx(
  t: Ending,
  scheme: string,
  configurationFor: (place: Place) => string,
): Promise<Nginx> {
  const { root: installed, env } = await findProgram(NGINX)
  const command = join(installed, 'usr/sbin/nginx')
  const root = mkdtempSync(join(tmpdir(), 'mh-n-'))
  const account = await serverAccount({ folder: root, program: command })
  const { folder } = account
  for (const name of ['log', 'temp', 'cache']) makeServerFolder(account, join(folder, name))
  const port = await freePort()
  const settings = join(folder, 'nginx.conf')
  writeFileSync(
    settings,
    configurationFor({ folder, port, modules: join(installed, 'usr/lib/nginx/modules') }),
  )
  const logFile = join(folder, 'nginx.log')
  const args = [...account.prefix, command, '-c', settings, '-g', 'daemon off;']
  const { pid } = spawnServer({ command: 'env', args, env, logFile })
  const identity = pid === undefined ? undefined : identifyProcess(pid)
  const told = () => [logFile, join(folder, 'log/error.log')].map((file) => lastLines(file)).join('\n')
  if (!identity) throw new Error(`nginx did not start:\n${told()}`)
  t.after(async () => {
    await endProcess(identity, ['SIGTERM', 'SIGKILL'], 5_000)
    for (const path of [folder, root]) rmSync(path, { recursive: true, force: true })
  })
  for (let waited = 0; !(await accepts(port)); waited += 20) {
    if (waited > 10_000 || !identifyProcess(identity.pid))
      throw new Error(`nginx does not answer:\n${told()}`)
    await sleep(20)
  }
  return {
    url: `${scheme}://localhost:${port}`,
    folder,
    pid: identity.pid,
    async accessLog() {
      // It writes once a second.
      await sleep(1_100)
      const lines = readFileSync(join(folder, 'log/access.log'), 'utf8').trimEnd().split('\n')
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    },
  }
}

/** Whether something listens on a port of loopback. */
export function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, '127.0.0.1')
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
