/** What differs between the PostgreSQL servers we start. */
export interface PostgresSettings {
  /** Holds the cluster (in `cluster`), its log, and the record of its process. */
  readonly folder: string
  /** For the unix socket, which is the only way in; its path has at most 80 bytes. */
  readonly socketFolder: string
  readonly maxConnections: number
  /** False leaves out every wait for the disk: for tests, whose data nobody wants back after a crash. */
  readonly durable: boolean
  /** The primary's socket folder: makes this server a streaming replica of it. */
  readonly follow?: string
}

/** The superuser of a server of ours. Only set-up and tests use it. */
export const SUPERUSER = 'postgres'

/** postgresql.conf, written anew at each start so that a new version of ours applies. */
export function postgresConf(settings: PostgresSettings): string {
  const values: Record<string, string | number> = {
    listen_addresses: '',
    unix_socket_directories: settings.socketFolder,
    unix_socket_permissions: '0700',
    max_connections: settings.maxConnections,
    shared_buffers: '128MB',
    max_wal_size: '512MB',
    random_page_cost: 1.1,
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %u@%d ',
    // A replica needs no slot while the primary keeps this much for it.
    wal_keep_size: settings.durable ? '0' : '512MB',
    ...(settings.durable ? {} : withoutDisk),
    ...(settings.follow === undefined ? {} : replica(settings.follow)),
  }
  return Object.entries(values)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join('')
}

const withoutDisk = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'on',
  // Statistics that appear in the middle of a test would change its plans.
  autovacuum: 'off',
}

function replica(primarySocketFolder: string): Record<string, string> {
  return {
    primary_conninfo: `host=${primarySocketFolder} user=${SUPERUSER}`,
    hot_standby: 'on',
    hot_standby_feedback: 'on',
    max_standby_streaming_delay: '5s',
    wal_retrieve_retry_interval: '50ms',
  }
}

/** Whoever may enter the socket's folder is trusted: it is readable for its owner alone. */
export const hbaConf = 'local all all trust\nlocal replication postgres trust\n'
