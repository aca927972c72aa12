import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { chosen } from './chosen.ts'
import {
  DOMAIN,
  NETWORK,
  addressOf,
  ask,
  hosts,
  makeSite,
  packRelease,
  provision,
  readAuthority,
  siteFolder,
  startOnNetwork,
  useSite,
} from './hosts.ts'
import { quotedOf } from './runbook.ts'
import { TROUBLES_OF_COPIES, TROUBLES_OF_ONE } from './troubles.ts'
import type { Trouble } from './troubles.ts'

const PORT = 9900
const PATIENCE_MS = 150_000
const RULES = new URL('../../ansible/roles/prometheus/files/manyhands.rules.yml', import.meta.url)

/** A site that has troubles. */
interface Scene {
  readonly profile: string
  readonly hosts: readonly string[]
  /** Where troubles are caused, where Prometheus is, and through which host people come. */
  readonly troubled: readonly string[]
  readonly watching: string
  readonly serving: string
  readonly settings: Readonly<Record<string, unknown>>
  /** Whether somebody reads there what he wrote. */
  readonly isRead: boolean
  /** What of the page of alerts is typed here, on the first host with troubles. */
  readonly typed: RegExp
  readonly troubles: readonly Trouble[]
}

const SCENES: Readonly<Record<string, Scene>> = {
  one: {
    profile: 'single',
    hosts: ['site'],
    troubled: ['site'],
    watching: 'site',
    serving: 'site',
    settings: { prometheus_probe_address: '127.0.0.1' },
    isRead: false,
    typed: /^(?!(?:ssh|curl|patronictl|manyhands-sentinel) )/,
    troubles: TROUBLES_OF_ONE,
  },
  copies: {
    profile: 'ha',
    hosts: ['db1', 'db2', 'app1', 'app2', 'mon1'],
    troubled: ['db1', 'db2'],
    watching: 'mon1',
    serving: 'app1',
    settings: {
      site_floating_address: `${NETWORK}.100/24`,
      site_settings: { RATE_LIMIT: 'off' },
      site_web_processes: 1,
      nginx_unlimited: [`${NETWORK}.0/24`],
      // Hosts of a cluster see the memory of the whole machine.
      postgres_memory_mb: 1024,
      prometheus_probe_address: `${NETWORK}.100`,
    },
    isRead: true,
    typed: /^(?:patronictl|manyhands-sentinel) /,
    troubles: TROUBLES_OF_COPIES,
  },
}

/** By which ways somebody hears of an alert. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  page: ['chat', 'mail', 'sms'],
  warn: ['chat', 'mail'],
  none: ['watchdog'],
}

/** What stands on the page of alerts for what is there. */
const MEANT: readonly (readonly [said: RegExp, meant: string])[] = [
  [/^patronictl/, 'patronictl -c /etc/patroni/config.yml'],
  [/\bUNIT\b/, 'manyhands-scheduler'],
  [/\bPID\b/, '0'],
  [/'NAME'\)/, 'slot_name) from pg_replication_slots where not active'],
  [/^(select .*)$/, 'runuser -u postgres -- psql -v ON_ERROR_STOP=1 manyhands -c "$1"'],
]

/**
 * Patience of minutes is shortened to seconds, and limits that take long to reach are lowered: this is about the way. A
 * disk in memory counts as one. The packages' folder is the machine's, which may well be filling.
 */
const HASTE = `umount /srv/packages; sed -i -E 's/for: [0-9]+[ms]$/for: 5s/; s/\\[(5|10|15)m\\]/[1m]/g; s/> 300$/> 20/; s/> [0-9]+ \\* 1024 \\* 1024 \\* 1024/> 1000/; s/tmpfs\\|//g' /etc/prometheus/manyhands.rules.yml && promtool check rules /etc/prometheus/manyhands.rules.yml >/dev/null && systemctl reload prometheus`

/** Asks Prometheus which alerts are raised. */
const FIRING = `at=$(sed -n "s/.*listen-address=\\([^ ]*\\).*/\\1/p" /etc/default/prometheus) python3 -c 'import json, os, urllib.request as u; print("\\n".join(a["labels"]["alertname"] for a in json.load(u.urlopen("http://" + os.environ["at"] + "/api/v1/alerts"))["data"]["alerts"] if a["state"] == "firing"))'`

interface Outcome {
  readonly alert: string
  readonly trouble: string
  /** Seconds from the cause until Prometheus raised it, and until somebody was told by all ways that it has. */
  readonly raised: number | undefined
  readonly told: number | undefined
  readonly ways: readonly string[]
}

/**
 * Boots hosts, causes what can be caused there, and prints which alert was raised and reached a receiver, and when: first
 * on one host with the single profile, then on several of the ha profile what needs a copy of the database.
 *
 * @param args `--on one` or `--on copies` chooses the hosts, `--only PATTERN` the troubles by their names;
 *   `--keep` leaves the hosts running, and `--running` takes those.
 * @returns the exit status: 1 when an alert was not raised or did not reach anybody, or has no trouble.
 */
export async function proveAlerts(args: readonly string[]): Promise<number> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      on: { type: 'string', default: '' },
      only: { type: 'string', default: '' },
      keep: { type: 'boolean', default: false },
      running: { type: 'boolean', default: false },
    },
  })
  const all = Object.entries(SCENES).map(([name, scene]) => ({ name, ...scene }))
  const scenes = chosen(all, flags.on)
  const troubles = chosen(
    scenes.flatMap((scene) => scene.troubles),
    flags.only,
  )
  const outcomes: Outcome[] = []
  await hosts(['check'])
  for (const scene of scenes) {
    const its = scene.troubles.filter((trouble) => troubles.includes(trouble))
    // No hosts for nothing.
    if (its.length === 0) continue
    try {
      await play({ ...scene, troubles: its }, flags.running, outcomes)
    } finally {
      if (!flags.keep) await hosts(['down'])
      print(outcomes)
    }
  }
  const isWhole = flags.on === '' && flags.only === ''
  const forgotten = isWhole
    ? [...severities().keys()].filter((name) => !outcomes.some(({ alert }) => alert === name))
    : []
  for (const alert of forgotten) console.log(`${alert} has no trouble`)
  return forgotten.length === 0 && outcomes.every(({ told }) => told !== undefined) ? 0 : 1
}

/** Each alert with how much it matters. */
function severities(): ReadonlyMap<string, string> {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as {
    groups: { rules: { alert: string; labels: { severity: string } }[] }[]
  }
  const rules = groups.flatMap((group) => group.rules)
  return new Map([
    ['AnswersStopped', 'page'],
    ...rules.map(({ alert, labels }) => [alert, labels.severity] as const),
  ])
}

/** Each outcome is noted at once: a run that is ended early has shown something too. */
async function play(scene: Scene, isRunning: boolean, outcomes: Outcome[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mh-alarm-'))
  const received = join(folder, 'received')
  const ends: (() => unknown)[] = []
  ends.push(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  try {
    if (!isRunning) await provisioned(scene)
    ends.push(await startReceiver(received))
    await typeWhatIsTold(scene)
    if (!isRunning) await ask(['exec', scene.watching, 'bash', '-c', HASTE])
    if (scene.isRead) {
      const authority = await readAuthority(scene.serving, siteFolder)
      const reader = await startOnNetwork('read-own.ts', [
        ...[await addressOf(scene.serving), DOMAIN, authority],
      ])
      ends.push(() => reader.stop())
    }
    for (const trouble of scene.troubles) outcomes.push(...(await cause(scene, trouble, received)))
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

async function provisioned(scene: Scene): Promise<void> {
  await hosts(['base'])
  await packRelease()
  await hosts(['up', ...scene.hosts])
  const receiver = `http://${NETWORK}.1:${PORT}`
  const site = await makeSite(scene.profile, {
    hosts: scene.hosts,
    settings: {
      ...scene.settings,
      site_monitoring_memory_mb: 0,
      // A process without a connection waits five seconds for one before it tells its figures.
      prometheus_interval: '7s',
      exporters_pooler_seconds: 5,
      prometheus_quiet_minutes: 1,
      prometheus_usual_count: 0,
      alertmanager_chat_url: `${receiver}/chat`,
      alertmanager_sms_url: `${receiver}/sms`,
      alertmanager_watchdog_url: `${receiver}/watchdog`,
      alertmanager_mail_to: 'operators@example.org',
      alertmanager_mail_server: `${NETWORK}.1:${PORT + 1}`,
      alertmanager_mail_has_tls: false,
      alertmanager_group_wait: '1s',
    },
  })
  await provision(site)
  await useSite(scene.serving, DOMAIN, site)
}

/** A command that asks for what is not there is found before somebody types it at night. */
async function typeWhatIsTold({ typed, troubled: [host = ''] }: Scene): Promise<void> {
  for (const told of quotedOf('read-the-alerts.md').filter((command) => typed.test(command))) {
    const command = MEANT.reduce((words, [said, meant]) => words.replace(said, meant), told)
    console.log(`${host}# ${command}`)
    await ask(['exec', host, 'bash', '-c', `cd /; ${command}`])
  }
}

/** In the hosts' network: started there, ended with this process. */
async function startReceiver(file: string): Promise<() => void> {
  const script = fileURLToPath(new URL('alert-receiver.ts', import.meta.url))
  const run = fileURLToPath(new URL('hosts.sh', import.meta.url))
  const child = spawn('bash', [run, 'net', process.execPath, script, `${NETWORK}.1`, String(PORT), file], {
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

async function cause(scene: Scene, trouble: Trouble, received: string): Promise<Outcome[]> {
  console.log(`\n### ${trouble.name}`)
  const inHosts = async (script: string) => {
    for (const host of scene.troubled) await ask(['exec', host, 'bash', '-c', script])
  }
  const firing = async () => (await ask(['exec', scene.watching, 'bash', '-c', FIRING])).split('\n')
  const isNew = await becomesQuiet(trouble, firing)
  const began = Date.now()
  await inHosts(trouble.cause)
  const raised = new Map<string, number>()
  const told = new Map<string, ReadonlyMap<string, number>>()
  const isTold = (alert: string) => isNew && waysOf(alert).every((way) => told.get(alert)?.has(way))
  try {
    while (Date.now() - began < PATIENCE_MS && !trouble.alerts.every(isTold)) {
      await sleep(2_000)
      const names = await firing()
      for (const alert of trouble.alerts) {
        if (!raised.has(alert) && names.includes(alert)) raised.set(alert, (Date.now() - began) / 1_000)
        told.set(alert, waysSince(received, alert, began))
      }
    }
  } finally {
    await inHosts(trouble.end)
  }
  return trouble.alerts.map((alert) => {
    const ways = told.get(alert) ?? new Map<string, number>()
    return {
      alert,
      trouble: trouble.name,
      raised: raised.get(alert),
      told: isTold(alert) ? Math.max(...ways.values()) : undefined,
      ways: [...ways.keys()].toSorted(),
    }
  })
}

/** An alert that is raised already says nothing of the trouble to come. The watchdog is always. */
async function becomesQuiet(trouble: Trouble, firing: () => Promise<readonly string[]>): Promise<boolean> {
  const awaited = trouble.alerts.filter((alert) => alert !== 'Watchdog')
  const until = Date.now() + PATIENCE_MS
  while (Date.now() < until) {
    const names = await firing()
    if (!awaited.some((alert) => names.includes(alert))) return true
    await sleep(2_000)
  }
  console.log('Raised before already.')
  return false
}

const SEVERITIES = severities()

function waysOf(alert: string): readonly string[] {
  return WAYS[SEVERITIES.get(alert) ?? ''] ?? []
}

interface Message {
  readonly at: number
  readonly way: string
  readonly what: string
}

/** Whether it says that the alert is raised; not that it is over. */
function tells({ way, what }: Message, alert: string): boolean {
  if (way === 'chat') return what.includes(`FIRING: ${alert}"`)
  if (way === 'mail') return new RegExp(`^Subject: \\[FIRING:\\d+\\] ${alert}\\b`, 'm').test(what)
  const { status, groupLabels } = JSON.parse(what) as { status: string; groupLabels: { alertname: string } }
  return status === 'firing' && groupLabels.alertname === alert
}

/** By which ways somebody was told of an alert since a moment, and after how many seconds first. */
function waysSince(file: string, alert: string, began: number): ReadonlyMap<string, number> {
  const ways = new Map<string, number>()
  for (const message of messagesSince(file, began))
    if (tells(message, alert) && !ways.has(message.way)) ways.set(message.way, (message.at - began) / 1_000)
  return ways
}

function messagesSince(file: string, began: number): Message[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Message)
    .filter(({ at }) => at >= began)
}

function print(outcomes: readonly Outcome[]): void {
  const seconds = (value: number | undefined) =>
    (value === undefined ? 'no' : `${value.toFixed(0)} s`).padStart(6)
  console.log('\nAlert              raised   told  by               caused by')
  for (const { alert, trouble, raised, told, ways } of outcomes)
    console.log(
      `${alert.padEnd(18)} ${seconds(raised)} ${seconds(told)}  ${ways.join(', ').padEnd(16)} ${trouble}`,
    )
}
