/** Trouble that hosts can have: what causes it, which alerts it raises, and what ends it. */
export interface Trouble {
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
  'redis-cli -s /run/redis-queue/redis.sock -a "$(grep -oP "^requirepass \\K.*" /etc/redis/redis-queue.conf | tr -d \\")" --no-auth-warning'
const psql = 'runuser -u postgres -- psql -qX manyhands -c'
const figures = '/var/lib/prometheus/node-exporter'
const exporterArguments = '/etc/default/prometheus-node-exporter'
const certificates = '/etc/manyhands/tls'
const believed = '/etc/prometheus/site-authority.crt'
/** Sessions go on although whoever asked is gone. */
const END_SLEEPERS = sql(
  "select pg_terminate_backend(pid) from pg_stat_activity where (query like '%lock category%' or query like '%pg_sleep%') and pid <> pg_backend_pid()",
)

/** On one host that does everything. */
export const TROUBLES_OF_ONE: readonly Trouble[] = [
  {
    name: 'nobody answers, and all is well otherwise',
    // What was answered there was in a draft, and trials are no answers.
    cause: `${sql('update project set published = true')}; sed -i 's/> 60$/> 5/' /etc/prometheus/taskruns.rules.yml && systemctl reload prometheus`,
    alerts: ['Watchdog', 'AnswersStopped'],
    end: 'true',
  },
  { name: 'nginx away', cause: stop('nginx'), alerts: ['SiteUnreachable', 'UnitAway'], end: start('nginx') },
  {
    name: 'nobody takes work, and there is some',
    // The scheduler hands out what waits, too.
    cause: `${stop('manyhands-worker', 'manyhands-scheduler')}; ${sql(
      `insert into outbox (job, payload, created, not_before, enqueued) values
       ('send-mail', '{}', now() - interval '1 hour', now() + interval '1 day', now()),
       ('export-project', '{}', now() - interval '1 hour', now() + interval '1 day', now()),
       ('draw-picture', '{}', now(), now() - interval '1 hour', null)`.replaceAll('\n', ' '),
    )}`,
    alerts: ['MailWaiting', 'ExportWaiting', 'OutboxStuck', 'ProcessDown'],
    end: `${sql("delete from outbox where payload = '{}' and attempts = 0 and job in ('send-mail', 'export-project', 'draw-picture')")}; ${start('manyhands-worker', 'manyhands-scheduler')}`,
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
      background('drill-wait', `${psql} "begin; lock category"`),
    ].join('; '),
    alerts: ['BlockedSessions', 'LongTransaction'],
    end: `${endBackground('drill-lock')}; ${endBackground('drill-wait')}; ${END_SLEEPERS}`,
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
    alerts: ['ArchiveFails', 'ArchiveWaits'],
    end: 'mv /var/backups/manyhands/gone /var/backups/manyhands/database',
  },
  {
    name: 'a drill that fails',
    cause: 'systemd-run --quiet --unit=manyhands-alerts-drill /bin/false',
    alerts: ['UnitFailed'],
    end: 'systemctl reset-failed manyhands-alerts-drill',
  },
  {
    name: 'old backup and drill',
    cause: `mkdir -p /var/tmp/figures; cp ${figures}/*.prom /var/tmp/figures; for f in ${figures}/backup_*.prom; do sed -i "s/ [0-9]*$/ 1000/" $f; done; echo "manyhands_restore_drill_last_success_seconds 1000" >${figures}/restore_drill.prom`,
    alerts: ['BackupOld', 'FilesBackupOld', 'RestoreDrillOld'],
    end: `rm ${figures}/restore_drill.prom; cp /var/tmp/figures/*.prom ${figures}`,
  },
  {
    name: 'the probe may not write',
    cause: `echo nobody >/etc/prometheus/probe-key; ${start('manyhands-probe.timer', 'manyhands-probe')}`,
    alerts: ['ProbeFails'],
    end: `${stop('manyhands-probe.timer')}; : >/etc/prometheus/probe-key; rm ${figures}-probe/probe.prom`,
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
    name: 'a lock that all readers wait for, and people come',
    cause: [
      background('drill-lock', `${psql} "begin; lock project; select pg_sleep(900)"`),
      background(
        'drill-crowd',
        'while true; do for n in $(seq 40); do (exec 3<>/dev/tcp/127.0.0.1/8080; printf "GET /project/none$RANDOM/ HTTP/1.1\\r\\nHost: manyhands.example\\r\\nX-Forwarded-Proto: https\\r\\nConnection: close\\r\\n\\r\\n" >&3; timeout 20 cat <&3 >/dev/null) & done; sleep 2; done',
      ),
    ].join('; '),
    alerts: ['PoolerWaiting', 'PoolerSlow', 'PoolWaiting', 'HttpErrors', 'HttpSlow'],
    end: `${endBackground('drill-crowd')}; ${endBackground('drill-lock')}; ${END_SLEEPERS}`,
  },
  {
    name: 'a disk that is nearly full',
    cause:
      'mkdir -p /srv/drill; mount -t tmpfs -o size=1m drill /srv/drill; head -c 900000 /dev/zero >/srv/drill/full',
    alerts: ['DiskFilling'],
    end: 'umount /srv/drill',
  },
  {
    name: 'certificates that end within two days',
    cause: `cp -a ${certificates} /var/tmp/certificates; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=manyhands.example -addext subjectAltName=DNS:manyhands.example -keyout ${certificates}/site.key -out ${certificates}/site.crt 2>/dev/null; cp ${certificates}/site.crt ${believed}; systemctl reload nginx; cp ${figures}/certificates.prom /var/tmp; echo "manyhands_certificate_end_seconds{file=\\"drill\\"} 1000" >${figures}/certificates.prom`,
    alerts: ['CertificateExpires', 'CertificateEnds', 'HostCertificateExpires'],
    end: `cp -a /var/tmp/certificates/. ${certificates}; cp ${certificates}/authority.crt ${believed}; systemctl reload nginx; cp /var/tmp/certificates.prom ${figures}`,
  },
  {
    // Hosts share the machine's clock: the exporter tells what is planted in its place.
    name: 'a clock that is off',
    cause: `sed -i 's/ --no-collector.wifi/ --no-collector.timex&/' ${exporterArguments}; echo "node_timex_offset_seconds 2" >${figures}/clock.prom; systemctl restart prometheus-node-exporter`,
    alerts: ['ClockWrong'],
    end: `rm ${figures}/clock.prom; sed -i 's/ --no-collector.timex//' ${exporterArguments}; systemctl restart prometheus-node-exporter`,
  },
  {
    name: 'the primary waits for a standby that is not there',
    cause: `${sql("alter system set synchronous_standby_names = 'nobody'")}; ${sql('select pg_reload_conf()')}`,
    alerts: ['NoSyncStandby'],
    end: `${sql('alter system reset synchronous_standby_names')}; ${sql('select pg_reload_conf()')}`,
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

/** On several hosts, for what needs a copy of the database. Each runs on all hosts of databases. */
export const TROUBLES_OF_COPIES: readonly Trouble[] = [
  {
    name: 'a copy that is behind, and people read what they wrote',
    // Patroni lets a copy go on that was told to pause, or to wait.
    cause: "pkill -STOP -f 'postgres:.* startu[p] recovering' || true",
    alerts: ['ReplicationLag', 'ReadsOnPrimary'],
    end: "pkill -CONT -f 'postgres:.* startu[p] recovering' || true",
  },
  {
    name: 'the copies away',
    cause: `if [ $(${psql} "select pg_is_in_recovery()" -At) = t ]; then ${stop('patroni')}; fi`,
    alerts: ['NoSyncStandby'],
    end: start('patroni'),
  },
  {
    name: 'a copy of the queue away',
    cause: `if ${queue} role | grep -q slave; then ${stop('redis-server@queue')}; fi`,
    alerts: ['RedisInstanceAway'],
    end: start('redis-server@queue'),
  },
  {
    name: 'no database at all',
    cause: stop('patroni'),
    alerts: ['PrimaryCount', 'DatabaseAway'],
    end: start('patroni'),
  },
]
