import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { renderRole, roleDefaults } from '../support/rendered.ts'
import type { TemplateValues } from '../support/rendered.ts'

const HOST = { ansible_managed: 'Managed', inventory_hostname: 'app-1', haproxy_name: 'app-1' }
const databases = [
  { name: 'a', address: '10.0.0.1', role: 'primary' },
  { name: 'b', address: '10.0.0.2', role: 'replica' },
]
const web = [{ name: 'web-1', address: '10.0.0.3', port: 3001 }]

/** Each template, with values that lead through every branch. */
const CASES: readonly (readonly [role: string, template: string, values: TemplateValues])[] = [
  ['haproxy', 'haproxy.cfg.j2', {}],
  [
    'haproxy',
    'haproxy.cfg.j2',
    {
      haproxy_databases: databases,
      haproxy_web_servers: web,
      haproxy_stats_addresses: ['127.0.0.1', '10.0.0.1'],
    },
  ],
  [
    'haproxy',
    'haproxy.cfg.j2',
    { haproxy_databases: databases, haproxy_has_patroni: false, haproxy_primary_read_share: 20 },
  ],
  ['pgbouncer', 'pgbouncer.ini.j2', {}],
  ['nginx', 'nginx.conf.j2', {}],
  [
    'nginx',
    'nginx.conf.j2',
    {
      nginx_upstreams: ['unix:/run/web.sock', '10.0.0.3:8080'],
      nginx_site_hosts: ['example.org', 'www.example.org'],
      nginx_presenter_hosts: ['*.example.net'],
      nginx_languages: ['en', 'es'],
      nginx_tls_certificate: '/etc/tls/site.pem',
      nginx_tls_key: '/etc/tls/site.key',
      nginx_acme_folder: '/var/lib/acme',
      nginx_has_http2_directive: true,
      nginx_trusted_proxies: ['10.0.0.0/8'],
      nginx_has_brotli: false,
      nginx_unlimited: ['10.1.0.0/16'],
      nginx_user: '',
    },
  ],
  [
    'sentinel',
    'sentinel.conf.j2',
    {
      sentinel_password: 'open',
      sentinel_masters: [
        { name: 'queue', address: '10.0.0.1', port: 6380 },
        { name: 'cache', address: '10.0.0.1', port: 6379, password: 'sesame' },
      ],
    },
  ],
]

test('a host that no other takes the floating address from has it by itself', () => {
  const render = (keepalived_peers: string[]) =>
    renderRole('keepalived', 'keepalived.conf.j2', {
      ...HOST,
      keepalived_floating_address: '10.0.0.9/24',
      keepalived_address: keepalived_peers.length > 0 ? '10.0.0.1' : '127.0.0.1',
      keepalived_peers,
      keepalived_shown: { stdout: '2: eth0    inet 10.0.0.1/24' },
    })
  assert.match(render(['10.0.0.2']), /interface eth0\n[^]*unicast_src_ip 10\.0\.0\.1\n[^]*10\.0\.0\.2\n/)
  const alone = render([])
  assert.match(alone, /interface eth0\n[^]*10\.0\.0\.9\/24\n/)
  assert.doesNotMatch(alone, /unicast|127\.0\.0\.1/)
})

test('Jinja2 makes of the templates what our tests make of them', (t) => {
  const input = CASES.map(([role, template, values]) => [
    role,
    template,
    { ...roleDefaults(role), ...HOST, ...values },
  ])
  const script = fileURLToPath(new URL('render_roles.py', import.meta.url))
  const { status, stdout, stderr } = spawnSync('python3', [script], {
    input: JSON.stringify(input),
    encoding: 'utf8',
  })
  if (status !== 0 && /No module named/.test(stderr)) {
    t.skip('Jinja2 is not here: sudo apt-get install python3-jinja2')
    return
  }
  assert.equal(status, 0, stderr)
  const rendered = JSON.parse(stdout) as string[]
  for (const [n, [role, template, values]] of CASES.entries())
    assert.equal(rendered[n], renderRole(role, template, { ...HOST, ...values }), `${role} ${n}`)
})
