import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { SpawnSyncReturns } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { findProgram } from '../support/debian-program.ts'
import { renderRole } from '../support/rendered.ts'

const repository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const RULES = repository('ansible/roles/prometheus/files/manyhands.rules.yml')
const RUNBOOK = 'docs/operations/read-the-alerts.md'

const Rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.strictObject({ severity: z.enum(['page', 'warn', 'none']) }),
          annotations: z.strictObject({
            summary: z.string(),
            runbook_url: z.string(),
            deploy: z.string().optional(),
          }),
        }),
      ),
    }),
  ),
})

/** Series by their values in Prometheus' notation: what raises an alert, and what does not. */
interface Case {
  readonly raised: Readonly<Record<string, string>>
  readonly quiet: Readonly<Record<string, string>>
  /** When it is looked, where that is later than an hour: then there is a value each ten minutes, else each minute. */
  readonly at?: string
}

const requests = (labels: string) => `manyhands_http_request_seconds_count{${labels}}`
const bucket = (le: string) => `manyhands_http_request_seconds_bucket{group="pages",le="${le}"}`
const reads = (route: string) => `manyhands_database_reads_total{route="${route}"}`
const disk = (what: string) => `node_filesystem_${what}_bytes{host="a",mountpoint="/",fstype="ext4"}`
const replicaServer = 'haproxy_server_status{proxy="replicas",server="b",state="UP"}'
const redisMaster = 'redis_instance_info{role="master",store="queue"}'

/** One above a limit and one below it. */
const gauge = (series: string, raised: number, quiet: number): Case => ({
  raised: { [series]: `${raised}x60` },
  quiet: { [series]: `${quiet}x60` },
})

/** For times: the clock of these tests begins at 0, and minutes go by. */
const DAY = 86_400
const HOUR = 3_600
const backup = (kind: string) => `manyhands_backup_last_success_seconds{kind="${kind}"}`
const unit = (name: string, state: string) =>
  `node_systemd_unit_state{host="a",name="${name}.service",state="${state}"}`

const CASES: Readonly<Record<string, Case>> = {
  HttpErrors: {
    raised: {
      [requests('group="api",status="5xx"')]: '0+2x60',
      [requests('group="api",status="2xx"')]: '0+98x60',
    },
    quiet: {
      [requests('group="api",status="5xx"')]: '0+1x60',
      [requests('group="api",status="2xx"')]: '0+199x60',
    },
  },
  HttpSlow: {
    raised: { [bucket('1')]: '0+90x60', [bucket('2.5')]: '0+100x60', [bucket('+Inf')]: '0+100x60' },
    quiet: { [bucket('1')]: '0+99x60', [bucket('2.5')]: '0+100x60', [bucket('+Inf')]: '0+100x60' },
  },
  SiteUnreachable: gauge('probe_success{job="site",target="/"}', 0, 1),
  ProbeFails: {
    raised: { 'manyhands_probe_last_success_seconds{host="a"}': '0x60' },
    // Once in vain, and then not.
    quiet: { 'manyhands_probe_last_success_seconds{host="a"}': '0 0 0+60x60' },
  },
  MailWaiting: gauge('manyhands_job_oldest_waiting_seconds{queue="send-mail"}', 301, 299),
  ExportWaiting: gauge('manyhands_job_oldest_waiting_seconds{queue="export-project"}', 1_801, 1_799),
  HostDown: gauge('up{job="node",host="a"}', 0, 1),
  ProcessDown: gauge('up{job="web",host="a"}', 0, 1),
  UnitFailed: gauge(unit('manyhands-restore-drill', 'failed'), 1, 0),
  UnitAway: {
    raised: { [unit('redis-sentinel@manyhands', 'active')]: '0x60' },
    // What runs now and then.
    quiet: { [unit('etcd', 'active')]: '1x60', [unit('manyhands-backup-full', 'active')]: '0x60' },
  },
  DiskFilling: {
    raised: { [disk('avail')]: '19x60', [disk('size')]: '100x60' },
    quiet: { [disk('avail')]: '21x60', [disk('size')]: '100x60' },
  },
  ClockWrong: gauge('node_timex_offset_seconds{host="a"}', -2, 0.5),
  CertificateExpires: gauge('probe_ssl_earliest_cert_expiry{target="/"}', 13 * DAY, 15 * DAY),
  CertificateEnds: gauge('probe_ssl_earliest_cert_expiry{target="/signin"}', 2 * DAY, 15 * DAY),
  HostCertificateExpires: gauge('manyhands_certificate_end_seconds{host="a",file="b"}', 59 * DAY, 61 * DAY),
  DatabaseAway: gauge('manyhands_database_primary_up{job="worker"}', 0, 1),
  PrimaryCount: {
    // None of them says anything.
    raised: { 'up{job="patroni",host="a"}': '0x60', 'up{job="patroni",host="b"}': '0x60' },
    quiet: { 'patroni_primary{host="a"}': '1x60', 'patroni_primary{host="b"}': '0x60' },
  },
  ReplicationLag: gauge('manyhands_database_replica_lag_seconds', 31, 29),
  NoSyncStandby: {
    // There was one, and Patroni's primary waits for it no longer.
    raised: { 'patroni_sync_standby{host="a"}': '0x60', 'patroni_sync_standby{host="b"}': '1x30 0x30' },
    quiet: { 'patroni_sync_standby{host="a"}': '0x60', 'manyhands_pg_sync_standbys{host="a"}': '1x60' },
  },
  ReadsOnPrimary: {
    raised: {
      [reads('primary: no replica')]: '0+60x60',
      [reads('replica')]: '0+40x60',
      [replicaServer]: '1x60',
    },
    quiet: {
      [reads('primary: no replica')]: '0+40x60',
      [reads('replica')]: '0+60x60',
      [reads('primary: must be true')]: '0+900x60',
      [replicaServer]: '1x60',
    },
  },
  PoolerWaiting: gauge('pgbouncer_pool_waiting_clients{host="a"}', 1, 0),
  PoolerSlow: gauge('pgbouncer_pool_max_wait_seconds{host="a"}', 1.1, 0.9),
  LongTransaction: gauge('pg_stat_activity_max_tx_duration{host="a",state="active"}', 301, 299),
  BlockedSessions: gauge('manyhands_pg_blocked_sessions{host="a"}', 1, 0),
  Deadlocks: {
    raised: { 'pg_stat_database_deadlocks{host="a"}': '0x50 1x10' },
    quiet: { 'pg_stat_database_deadlocks{host="a"}': '3x60' },
  },
  SlotKeepsWal: gauge('pg_replication_slots_pg_wal_lsn_diff{host="a",slot_name="b"}', 5e9, 4e9),
  ArchiveFails: {
    raised: { 'pg_stat_archiver_failed_count{host="a"}': '0x50 1x10' },
    quiet: { 'pg_stat_archiver_failed_count{host="a"}': '3x60' },
  },
  ArchiveWaits: gauge('manyhands_pg_archive_waiting_bytes{host="a"}', 2.2e9, 2e9),
  // One place alone may lack them.
  BackupOld: {
    raised: { [backup('incr')]: '0x60', [backup('full", place="second')]: `${-26 * HOUR}x60` },
    quiet: { [backup('incr')]: `${-24 * HOUR}x60`, [backup('full')]: `${-72 * HOUR}x60` },
  },
  FilesBackupOld: gauge(backup('files'), -26 * HOUR, -24 * HOUR),
  RestoreDrillOld: gauge('manyhands_restore_drill_last_success_seconds', -8 * DAY, -7 * DAY),
  PoolWaiting: gauge('manyhands_database_connections{job="web",state="waiting"}', 6, 5),
  EventLoopLag: gauge('nodejs_eventloop_lag_p99_seconds{job="web"}', 0.21, 0.19),
  OutboxStuck: gauge('manyhands_outbox_age_seconds', 61, 59),
  JobsFail: gauge('manyhands_job_failures_last_hour{queue="send-mail"}', 4, 3),
  ScheduleMissed: gauge('manyhands_schedule_overdue_seconds{schedule="clean-up"}', 301, 299),
  RedisAway: gauge('redis_up{store="queue"}', 0, 1),
  RedisInstanceAway: {
    raised: { 'redis_up{store="cache",host="b"}': '0x60', 'redis_up{store="cache",host="c"}': '1x60' },
    quiet: { 'redis_up{store="queue",host="b"}': '1x60' },
  },
  RedisMasterCount: {
    // Nobody says that it is one.
    raised: { 'redis_up{store="cache"}': '1x60' },
    quiet: { [redisMaster]: '1x60' },
  },
  QueueMemory: {
    raised: {
      'redis_memory_used_bytes{store="queue"}': '71x60',
      'redis_memory_max_bytes{store="queue"}': '100x60',
    },
    quiet: {
      'redis_memory_used_bytes{store="queue"}': '69x60',
      'redis_memory_max_bytes{store="queue"}': '100x60',
    },
  },
  QueueEvicts: {
    raised: { 'redis_evicted_keys_total{store="queue"}': '0x50 1x10' },
    quiet: { 'redis_evicted_keys_total{store="cache"}': '0+1x60' },
  },
  AnswersStopped: {
    raised: {
      manyhands_task_run_age_seconds: '1900x60',
      [requests('group="taskrun",status="2xx"')]: '0+60x60',
    },
    quiet: {
      manyhands_task_run_age_seconds: '1900x60',
      [requests('group="taskrun",status="2xx"')]: '7x60',
    },
    at: '24h40m',
  },
}

/** What never happened is told by no series. */
const SILENT = {
  interval: '1m',
  input_series: [],
  promql_expr_test: ['BackupOld', 'FilesBackupOld', 'RestoreDrillOld'].map((alert) => ({
    expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
    eval_time: '58m',
    exp_samples: [{ labels: '{}', value: 1 }],
  })),
}

/** An alert that a release can cause says which one runs, and since when. */
const RELEASED = {
  interval: '1m',
  input_series: [
    { series: 'manyhands_job_failures_last_hour{queue="send-mail"}', values: '4x60' },
    ...[
      ['a', 600],
      ['b', 900],
    ].flatMap(([instance, began]) => [
      {
        series: `manyhands_build_info{job="web",instance="${instance}",release="${'0123456789'.repeat(4)}"}`,
        values: '1x60',
      },
      { series: `process_start_time_seconds{job="web",instance="${instance}"}`, values: `${began}x60` },
    ]),
    { series: 'process_start_time_seconds{job="node",instance="a"}', values: '1x60' },
  ],
  alert_rule_test: [
    {
      alertname: 'JobsFail',
      eval_time: '58m',
      exp_alerts: [
        {
          exp_labels: { queue: 'send-mail', severity: 'warn' },
          exp_annotations: {
            summary: '4 jobs of send-mail were given up within an hour',
            runbook_url: `${RUNBOOK}#jobsfail`,
            deploy: ' Release 0123456 runs since 1970-01-01 00:10:00 +0000 UTC.',
          },
        },
      ],
    },
  ],
}

const folder = mkdtempSync(join(tmpdir(), 'mh-alerts-'))
after(() => {
  rmSync(folder, { recursive: true, force: true })
})
const rulesOfSite = join(folder, 'taskruns.rules.yml')
writeFileSync(rulesOfSite, renderRole('prometheus', 'taskruns.rules.yml.j2', { ansible_managed: '' }))
copyFileSync(RULES, join(folder, 'manyhands.rules.yml'))
const alerts = [RULES, rulesOfSite].flatMap((file) =>
  Rules.parse(parse(readFileSync(file, 'utf8'))).groups.flatMap(({ rules }) => rules),
)

test('each alert has a section that says what to do, and a case that raises it', () => {
  const headings = [...readFileSync(repository(RUNBOOK), 'utf8').matchAll(/^### (\w+)$/gm)].map(
    ([, name]) => name,
  )
  const names = alerts.map(({ alert }) => alert)
  assert.deepEqual(headings.toSorted(), names.toSorted())
  assert.deepEqual(Object.keys(CASES).toSorted(), names.filter((name) => name !== 'Watchdog').toSorted())
  for (const { alert, annotations } of alerts)
    assert.equal(annotations.runbook_url, `${RUNBOOK}#${alert.toLowerCase()}`)
})

test('Prometheus understands the rules, and raises each alert in its case and not below its limit', async (t) => {
  const promtool = await findProgram({
    name: 'promtool',
    tellsVersionBy: '--version',
    packages: ['prometheus'],
    folder: 'usr/bin',
  }).catch(() => undefined)
  if (!promtool) {
    t.skip('promtool is not here: sudo apt-get install prometheus')
    return
  }
  const files = ['manyhands.rules.yml', 'taskruns.rules.yml']
  const testsOf = (cases: readonly (readonly [string, Case])[], interval: string) => ({
    rule_files: files,
    evaluation_interval: interval,
    tests: [oneTest(cases, 'raised', interval), oneTest(cases, 'quiet', interval)],
  })
  const cases = Object.entries(CASES)
  const soon = testsOf(
    cases.filter(([, { at }]) => at === undefined),
    '1m',
  )
  const late = testsOf(
    cases.filter(([, { at }]) => at !== undefined),
    '10m',
  )
  writeFileSync(join(folder, 'soon.yml'), stringify({ ...soon, tests: [...soon.tests, SILENT, RELEASED] }))
  writeFileSync(join(folder, 'late.yml'), stringify(late))
  for (const args of [
    ['check', 'rules', ...files],
    ['test', 'rules', 'soon.yml', 'late.yml'],
  ]) {
    const run: SpawnSyncReturns<string> = spawnSync(promtool.command, args, {
      cwd: folder,
      env: promtool.env,
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.equal(run.status, 0, run.stdout + run.stderr)
  }
})

test('what the probe posts is none of what usually comes', () => {
  const limits = (key: string) => {
    const rules = renderRole('prometheus', 'taskruns.rules.yml.j2', { prometheus_probe_key: key })
    return [...rules.matchAll(/offset 1[dw]\)\) > (\d+)/g)].map(([, limit]) => Number(limit))
  }
  assert.deepEqual(limits(''), [20, 20])
  assert.deepEqual(limits('key'), [50, 50])
})

/** All cases beside each other: each has series of its own, and the program is slow to begin. */
function oneTest(cases: readonly (readonly [string, Case])[], kind: 'raised' | 'quiet', interval: string) {
  return {
    interval,
    input_series: cases.flatMap(([, one]) =>
      Object.entries(one[kind]).map(([series, values]) => ({
        series,
        // Until it is looked.
        values: interval === '1m' ? values : values.replace(/x60$/, 'x200'),
      })),
    ),
    promql_expr_test: cases.map(([alert, { at = '58m' }]) => ({
      expr: `clamp_max(count(ALERTS{alertname="${alert}",alertstate="firing"}), 1) or vector(0)`,
      eval_time: at,
      exp_samples: [{ labels: '{}', value: kind === 'raised' ? 1 : 0 }],
    })),
  }
}
