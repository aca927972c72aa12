import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { connect } from 'node:tls'
import { isDeepStrictEqual, parseEnv } from 'node:util'
import { parse } from 'yaml'
import { endProcess, identifyProcess, lastLines, spawnServer } from '../../src/bin/local/os-process.ts'
import { runProgram } from '../../src/bin/local/run-program.ts'
import { makeCertificate } from '../support/certificate.ts'
import { findProgram } from '../support/debian-program.ts'
import { eventually } from '../support/jobs.ts'
import { accepts, startNginx } from '../support/nginx.ts'
import type { Nginx } from '../support/nginx.ts'
import { renderRole } from '../support/rendered.ts'
import { freePort } from '../support/started-site.ts'

const SITE = 'site.test'

interface Task {
  readonly when?: string
}

interface Place {
  readonly folder: string
  readonly tls: string
  readonly web: string
  /** Where nginx listens without TLS. */
  readonly httpPort: number
  readonly nginx: Nginx
}

/** nginx as a host has it after its first run: with a certificate of the site's own. */
async function startSite(t: TestContext): Promise<Place> {
  const { certificate, key } = await makeCertificate(t)
  const tls = dirname(certificate)
  copyFileSync(certificate, join(tls, 'site.crt'))
  copyFileSync(key, join(tls, 'site.key'))
  // nginx's own processes read what the authority asks for.
  chmodSync(tls, 0o755)
  const [web, httpPort] = [join(tls, 'web'), await freePort()]
  mkdirSync(web)
  const nginx = await startNginx(t, {
    nginx_upstreams: ['127.0.0.1:1'],
    nginx_listen: [`127.0.0.1:${httpPort}`],
    nginx_tls_certificate: join(tls, 'site.crt'),
    nginx_tls_key: join(tls, 'site.key'),
    nginx_acme_folder: web,
  })
  return { folder: join(tls, 'data'), tls, web, httpPort, nginx }
}

/** An authority, with servers of names that lead every name here. */
async function startAuthority(t: TestContext, { tls, httpPort }: Place) {
  const [port, managementPort, namesPort, setPort] = await Promise.all(Array.from({ length: 4 }, freePort))
  const own = await makeCertificate(t)
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: own.certificate,
    privateKey: own.key,
    httpPort,
    tlsPort: 1,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
  }
  const configFile = join(tls, 'pebble.json')
  writeFileSync(configFile, JSON.stringify({ pebble: config }))
  const quiet = ['http01', 'https01', 'tlsalpn01'].map((name) => `-${name}=`)
  const addresses = [`-dns01=127.0.0.1:${namesPort}`, `-management=127.0.0.1:${setPort}`, '-defaultIPv6=']
  await start(t, tls, 'pebble-challtestsrv', [...quiet, ...addresses])
  await start(t, tls, 'pebble', ['-config', configFile, '-dnsserver', `127.0.0.1:${namesPort}`])
  for (const listening of [port, setPort]) await eventually(() => accepts(Number(listening)))
  return {
    server: `https://localhost:${port}/dir`,
    certificate: own.certificate,
    namesUrl: `http://127.0.0.1:${setPort}`,
    names: `127.0.0.1:${namesPort}`,
  }
}

type ProgramName = 'lego' | 'pebble' | 'pebble-challtestsrv'

async function start(
  t: TestContext,
  folder: string,
  name: ProgramName,
  args: readonly string[],
): Promise<void> {
  const program = await findPrograms(name)
  const logFile = join(folder, `${name}.log`)
  // Without pauses and made-up refusals, which are there to try clients.
  const env = { ...program.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' }
  const { pid } = spawnServer({ command: program.command, args: [...args], env, logFile })
  const identity = pid === undefined ? undefined : identifyProcess(pid)
  assert.ok(identity, lastLines(logFile))
  t.after(() => endProcess(identity, ['SIGTERM', 'SIGKILL'], 5_000))
}

function findPrograms(name: ProgramName) {
  const packages = [name === 'lego' ? 'lego' : 'pebble']
  return findProgram({ name, tellsVersionBy: '-help', packages, folder: 'usr/bin' })
}

/** Runs the program that a host's timer runs. On a host systemd sees that the files changed, and tells nginx. */
async function askForCertificate(place: Place, values: Record<string, unknown>): Promise<void> {
  const { folder, tls, nginx } = place
  const lego = await findPrograms('lego')
  mkdirSync(folder, { recursive: true })
  const variables = {
    acme_mail: 'admin@site.test',
    acme_web_folder: place.web,
    acme_data_folder: folder,
    acme_certificate_folder: tls,
    ...values,
  }
  const program = join(tls, 'manyhands-acme')
  writeFileSync(program, renderRole('acme', 'manyhands-acme.j2', variables))
  const told = renderRole('acme', 'acme.env.j2', variables)
  const env = parseEnv(told)
  await runProgram('bash', [program], {
    env: {
      ...lego.env,
      ...env,
      PATH: `${dirname(lego.command)}:${process.env['PATH']}`,
    },
  })
  process.kill(nginx.pid, 'SIGHUP')
}

/** What a browser is shown. */
async function shown({ nginx }: Place): Promise<X509Certificate> {
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate>()
  const { hostname, port } = new URL(nginx.url)
  const socket = connect({ host: hostname, port: Number(port), servername: SITE, rejectUnauthorized: false })
  socket.once('error', reject).once('secureConnect', () => {
    resolve(new X509Certificate(socket.getPeerCertificate().raw))
    socket.destroy()
  })
  return promise
}

/** Waits until nginx shows a certificate of the authority with these names. */
async function showsOne(place: Place, names: readonly string[]): Promise<X509Certificate> {
  return eventually(async () => {
    const certificate = await shown(place)
    const held = (certificate.subjectAltName ?? '').replaceAll('DNS:', '').split(', ').sort()
    return certificate.issuer.includes('Pebble') && isDeepStrictEqual(held, names) && certificate
  })
}

test('nginx shows the certificate of an authority that asked it by http, and a later one when that ends soon', async (t) => {
  const place = await startSite(t)
  const { server, certificate } = await startAuthority(t, place)
  const values = { acme_names: [SITE], acme_server: server, acme_server_certificate: certificate }
  await askForCertificate(place, values)
  const first = await showsOne(place, [SITE])
  const file = readFileSync(join(place.tls, 'site.crt'), 'utf8')
  assert.ok(file.split('BEGIN CERTIFICATE').length > 2, 'without the certificates between it and the root')

  await askForCertificate(place, values)
  assert.equal(readFileSync(join(place.tls, 'site.crt'), 'utf8'), file)

  await askForCertificate(place, { ...values, acme_renewed_before_days: 10_000 })
  await eventually(async () => (await shown(place)).serialNumber !== first.serialNumber)

  await askForCertificate(place, { ...values, acme_names: [SITE, `presenters.${SITE}`] })
  await showsOne(place, [`presenters.${SITE}`, SITE])
})

test('a wildcard is asked for by DNS with the credentials of its provider', async (t) => {
  const place = await startSite(t)
  const { server, certificate, namesUrl, names } = await startAuthority(t, place)
  const hook = join(place.tls, 'provider')
  writeFileSync(
    hook,
    `#!/bin/sh
case "$1" in
  present) curl -sf -d "{\\"host\\": \\"$2\\", \\"value\\": \\"$3\\"}" "$NAMES_URL/set-txt" ;;
  cleanup) curl -sf -d "{\\"host\\": \\"$2\\"}" "$NAMES_URL/clear-txt" ;;
esac\n`,
  )
  chmodSync(hook, 0o755)
  await askForCertificate(place, {
    acme_names: [SITE, `*.presenters.${SITE}`],
    acme_server: server,
    acme_server_certificate: certificate,
    acme_dns_provider: 'exec',
    // lego waits a minute between two names.
    acme_dns_credentials: { EXEC_PATH: hook, EXEC_SEQUENCE_INTERVAL: '1', NAMES_URL: namesUrl },
    acme_options: ['--dns.disable-cp', '--dns.resolvers', names],
  })
  await showsOne(place, [`*.presenters.${SITE}`, SITE])
})

test('an authority that says no leaves what nginx shows', async (t) => {
  const place = await startSite(t)
  const { server, certificate } = await startAuthority(t, place)
  const before = await shown(place)
  await assert.rejects(
    askForCertificate(place, {
      acme_names: [`*.${SITE}`],
      acme_server: server,
      acme_server_certificate: certificate,
    }),
    /could not determine solvers/,
  )
  assert.equal((await shown(place)).serialNumber, before.serialNumber)
  assert.equal(existsSync(join(place.folder, 'asked')), false)
})

test('on a host nginx is told of a certificate that somebody else puts there, an authority among them', () => {
  const tasks = parse(readFileSync('ansible/roles/certificate/tasks/main.yml', 'utf8')) as Task[]
  const told = tasks.filter((task) => JSON.stringify(task).includes('manyhands-certificate.path'))
  assert.deepEqual(
    told.map(({ when }) => when),
    [undefined],
  )
})
