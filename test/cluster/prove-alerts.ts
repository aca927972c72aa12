import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ask, hosts, makeSite, packRelease, provision, useSite } from './hosts.ts'

/** The site's name in the profile's inventory. */
const DOMAIN = 'manyhands.example'
const HOST = 'site'
const PORT = 9900
const PATIENCE_MS = 150_000
const network = process.env['CLUSTER_NET'] ?? '10.231.0'

/** Trouble that one host can have: what causes it, which alerts it raises, and what ends it. */
interface Trouble {
  readonly name: string
  readonly cause: string
  readonly alerts: readonly string[]
  readonly end: string
}

const sql = (text: string) => `runuser -u postgres -- psql -qX manyhands -c "${text}"`
const stop = (...units: string[]) => `systemctl stop ${units.join(' ')}`
const start = (...units: string[]) => `systemctl start ${units.join(' ')}`
/** Runs until it is ended. */
const background = (name: string, script: string) =>
  `setsid bash -c '${script}' >/dev/null 2>&1 </dev/null & echo $! >/run/${name}`
const endBackground = (name: string) => `kill -- -$(cat /run/${name}) || true`
const queue =
  'redis-cli -p 6380 -a "$(grep -oP "^requirepass \\K.*" /etc/redis/redis-queue.conf | tr -d \\")" --no-auth-warning'
const psql = 'runuser -u postgres -- psql -qX manyhands -c'
const pooler = 'runuser -u postgres -- psql -qX -h /run/postgresql -p 6432 -U pgbouncer pgbouncer -c'
const figures = '/var/lib/prometheus/node-exporter'

const TROUBLES: readonly Trouble[] = [
  { name: 'nobody looks after it', cause: 'true', alerts: ['Watchdog', 'AnswersStopped'], end: 'true' },
  { name: 'nginx away', cause: stop('nginx'), alerts: ['SiteUnreachable'], end: start('nginx') },
  {
    name: 'worker away, and work for it',
    cause: `${stop('manyhands-worker')}; ${sql(
      `insert into outbox (job, payload, created, not_before, enqueued) values
       ('send-mail', '{}', now() - interval '1 hour', now() + interval '1 day', now()),
       ('export-project', '{}', now() - interval '1 hour', now() + interval '1 day', now()),
       ('draw-picture', '{}', now(), now() - interval '1 hour', null)`.replaceAll('\n', ' '),
    )}`,
    alerts: ['MailWaiting', 'ExportWaiting', 'OutboxStuck', 'ProcessDown'],
    end: `${sql("delete from outbox where payload = '{}' and attempts = 0 and job in ('send-mail', 'export-project', 'draw-picture')")}; ${start('manyhands-worker')}`,
  },
  {
    name: 'scheduler away',
    cause: `${stop('manyhands-scheduler')}; ${sql("update schedule_slot set slot = slot - interval '2 days'")}`,
    alerts: ['ScheduleMissed'],
    end: start('manyhands-scheduler'),
  },
  {
    name: 'jobs fail',
    cause: sql(
      "insert into outbox (job, payload, failed, error) select 'send-mail', '{}', now(), 'drill' from generate_series(1, 5)",
    ),
    alerts: ['JobsFail'],
    end: sql("delete from outbox where error = 'drill'"),
  },
  {
    name: 'queue full',
    cause: `${queue} config set maxmemory 2mb; ${queue} config set maxmemory-policy allkeys-lru; for n in $(seq 400); do ${queue} setex drill:$n 300 "$(head -c 9000 /dev/zero | tr "\\0" x)"; done >/dev/null`,
    alerts: ['QueueMemory', 'QueueEvicts'],
    end: `${queue} config set maxmemory-policy noeviction; systemctl restart redis-server@queue`,
  },
  {
    name: 'no master of the queue',
    cause: `${queue} replicaof 127.0.0.1 1`,
    alerts: ['RedisMasterCount'],
    end: `${queue} replicaof no one`,
  },
  {
    name: 'queue away',
    cause: stop('redis-server@queue'),
    alerts: ['RedisAway'],
    end: start('redis-server@queue'),
  },
  {
    name: 'locks held for long',
    cause: [
      background('drill-lock', `${psql} "begin; lock category; select pg_sleep(900)"`),
      'sleep 1',
      background('drill-wait', `${psql} "lock category"`),
    ].join('; '),
    alerts: ['BlockedSessions', 'LongTransaction'],
    end: `${endBackground('drill-lock')}; ${endBackground('drill-wait')}; ${sql("select pg_terminate_backend(pid) from pg_stat_activity where query like 'lock category%' or query like '%pg_sleep%' and pid <> pg_backend_pid()")}`,
  },
  {
    name: 'a deadlock',
    cause: [
      background('drill-one', `${psql} "begin; lock category; select pg_sleep(3); lock announcement"`),
      background('drill-two', `${psql} "begin; lock announcement; select pg_sleep(3); lock category"`),
    ].join('; '),
    alerts: ['Deadlocks'],
    end: 'true',
  },
  {
    name: 'a slot nobody reads',
    cause: `${sql("select pg_create_physical_replication_slot('drill', true)")}; ${sql("select pg_logical_emit_message(false, 'drill', repeat('x', 1000000))")}`,
    alerts: ['SlotKeepsWal'],
    end: sql("select pg_drop_replication_slot('drill')"),
  },
  {
    name: 'archive away',
    cause: `mv /var/backups/manyhands/database /var/backups/manyhands/gone; ${sql('select pg_switch_wal()')}`,
    alerts: ['ArchiveFails'],
    end: 'mv /var/backups/manyhands/gone /var/backups/manyhands/database',
  },
  {
    name: 'old backup and drill',
    cause: `mkdir -p /root/figures; cp ${figures}/*.prom /root/figures; for f in ${figures}/backup_*.prom; do sed -i "s/ [0-9]*$/ 1000/" $f; done; echo "manyhands_restore_drill_last_success_seconds 1000" >${figures}/restore_drill.prom`,
    alerts: ['BackupOld', 'RestoreDrillOld'],
    end: `rm ${figures}/restore_drill.prom; cp /root/figures/*.prom ${figures}`,
  },
  {
    name: 'a process that hangs again and again',
    cause: background(
      'drill-hang',
      'p=$(systemctl show -p MainPID --value manyhands-web@3001); while true; do kill -STOP $p; sleep 0.7; kill -CONT $p; sleep 0.3; done',
    ),
    alerts: ['EventLoopLag'],
    end: `${endBackground('drill-hang')}; kill -CONT $(systemctl show -p MainPID --value manyhands-web@3001)`,
  },
  {
    name: 'the pooler lets nobody through, and people come',
    cause: [
      `${pooler} "pause manyhands"`,
      background(
        'drill-crowd',
        'while true; do for n in $(seq 40); do (exec 3<>/dev/tcp/127.0.0.1/8080; printf "GET /project/none$RANDOM/ HTTP/1.1\\r\\nHost: manyhands.example\\r\\nX-Forwarded-Proto: https\\r\\nConnection: close\\r\\n\\r\\n" >&3; timeout 20 cat <&3 >/dev/null) & done; sleep 2; done',
      ),
    ].join('; '),
    alerts: ['PoolerWaiting', 'PoolerSlow', 'PoolWaiting', 'HttpErrors', 'HttpSlow'],
    end: `${endBackground('drill-crowd')}; ${pooler} "resume manyhands"`,
  },
  {
    name: 'database away',
    cause: stop('postgresql@15-main'),
    alerts: ['DatabaseAway'],
    end: start('postgresql@15-main'),
  },
  {
    name: 'exporter of the host away',
    cause: stop('prometheus-node-exporter'),
    alerts: ['HostDown'],
    end: start('prometheus-node-exporter'),
  },
]

/** What one host cannot have. Their rules are proved by the rules' own tests. */
const NOT_HERE = {
  DiskFilling: 'its file system is the machine’s',
  ClockWrong: 'its clock is the machine’s',
  CertificateExpires: 'its certificate is new',
  PrimaryCount: 'no Patroni',
  ReplicationLag: 'no replica',
  NoSyncStandby: 'no replica',
  ReadsOnPrimary: 'no replica',
} as const

/** Patience of minutes is shortened to seconds, and limits that take long to reach are lowered: this is about the way. */
const HASTE = `sed -i -E 's/for: [0-9]+[ms]$/for: 5s/; s/\\[(5|10|15)m\\]/[1m]/g; s/> 300$/> 20/; s/> 10 \\* 1024 \\* 1024 \\* 1024/> 1000/' /etc/prometheus/manyhands.rules.yml && sed -i 's/> 60$/> 5/' /etc/prometheus/taskruns.rules.yml && promtool check rules /etc/prometheus/manyhands.rules.yml >/dev/null && systemctl reload prometheus`

/** Asks Prometheus which alerts are raised. */
const FIRING = `python3 -c 'import json, urllib.request as u; print("\\n".join(a["labels"]["alertname"] for a in json.load(u.urlopen("http://127.0.0.1:9090/api/v1/alerts"))["data"]["alerts"] if a["state"] == "firing"))'`

interface Outcome {
  readonly alert: string
  readonly trouble: string
  /** Seconds from the cause until Prometheus raised it, and until somebody was told. */
  readonly raised: number | undefined
  readonly told: number | undefined
}

/**
 * Boots a host with the single profile, causes what can be caused there, and prints which alert was raised and reached a
 * receiver, and when.
 *
 * @param args `--keep` leaves the host running; `--only NAME` one trouble.
 * @returns the exit status.
 */
export async function proveAlerts(args: readonly string[]): Promise<number> {
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined
  const folder = mkdtempSync(join(tmpdir(), 'mh-alarm-'))
  const received = join(folder, 'received')
  const outcomes: Outcome[] = []
  await hosts(['check'])
  let endReceiver = () => {}
  try {
    await hosts(['base'])
    await packRelease()
    await hosts(['up', HOST])
    const site = await makeSite('single')
    const receiver = `http://${network}.1:${PORT}`
    const settings = {
      site_monitoring_memory_mb: 0,
      prometheus_interval: '3s',
      prometheus_probe_address: '127.0.0.1',
      prometheus_quiet_minutes: 1,
      prometheus_usual_count: 0,
      alertmanager_chat_url: `${receiver}/chat`,
      alertmanager_sms_url: `${receiver}/sms`,
      alertmanager_watchdog_url: `${receiver}/watchdog`,
      alertmanager_mail_to: 'operators@example.org',
      alertmanager_mail_server: `${network}.1:${PORT + 1}`,
      alertmanager_mail_has_tls: false,
      alertmanager_group_wait: '1s',
    }
    await provision(site, ['--extra-vars', JSON.stringify(settings)])
    endReceiver = await startReceiver(received)
    await useSite(HOST, DOMAIN, site)
    await ask(['exec', HOST, 'bash', '-c', HASTE])
    for (const trouble of TROUBLES) {
      if (only !== undefined && trouble.name !== only) continue
      outcomes.push(...(await cause(trouble, received)))
    }
  } finally {
    endReceiver()
    if (!args.includes('--keep')) await hosts(['down'])
    rmSync(folder, { recursive: true, force: true })
    print(outcomes)
  }
  return outcomes.every(({ told }) => told !== undefined) ? 0 : 1
}

/** In the hosts' network: started there, ended with this process. */
async function startReceiver(file: string): Promise<() => void> {
  const script = fileURLToPath(new URL('alert-receiver.ts', import.meta.url))
  const run = fileURLToPath(new URL('hosts.sh', import.meta.url))
  const child = spawn('bash', [run, 'net', process.execPath, script, `${network}.1`, String(PORT), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  await new Promise<void>((resolve) =>
    child.stdout.once('data', () => {
      resolve()
    }),
  )
  return () => {
    if (child.pid !== undefined) process.kill(-child.pid)
  }
}

async function cause(trouble: Trouble, received: string): Promise<Outcome[]> {
  console.log(`\n### ${trouble.name}`)
  const began = Date.now()
  const inHost = (script: string) => ask(['exec', HOST, 'bash', '-c', script])
  await inHost(trouble.cause)
  const raised = new Map<string, number>()
  const told = new Map<string, number>()
  try {
    while (Date.now() - began < PATIENCE_MS && told.size < trouble.alerts.length) {
      await sleep(2_000)
      const firing = await inHost(FIRING)
      const messages = messagesSince(received, began)
      for (const alert of trouble.alerts) {
        const seconds = (Date.now() - began) / 1_000
        if (!raised.has(alert) && firing.split('\n').includes(alert)) raised.set(alert, seconds)
        const message = messages.find(({ what }) => what.includes(alert))
        if (message) told.set(alert, (message.at - began) / 1_000)
      }
    }
  } finally {
    await inHost(trouble.end)
  }
  return trouble.alerts.map((alert) => ({
    alert,
    trouble: trouble.name,
    raised: raised.get(alert),
    told: told.get(alert),
  }))
}

function messagesSince(file: string, began: number): { at: number; way: string; what: string }[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { at: number; way: string; what: string })
    .filter(({ at }) => at >= began)
}

function print(outcomes: readonly Outcome[]): void {
  const seconds = (value: number | undefined) =>
    (value === undefined ? 'no' : `${value.toFixed(0)} s`).padStart(6)
  console.log('\nAlert              raised   told  caused by')
  for (const { alert, trouble, raised, told } of outcomes)
    console.log(`${alert.padEnd(18)} ${seconds(raised)} ${seconds(told)}  ${trouble}`)
  for (const [alert, why] of Object.entries(NOT_HERE))
    console.log(`${alert.padEnd(18)} not on one host: ${why}`)
}
