import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { holderOf, said, untilTrue } from './drills.ts'
import type { Measured } from './drills.ts'
import type { HaSite } from './ha-site.ts'
import { DOMAIN, addressOf, changeInventory, hosts, hostsOf, provision, useSite } from './hosts.ts'
import { rotateSecrets } from './rotate-secrets.ts'
import { commandsOf, typeOn } from './runbook.ts'

const MOMENT = '2026-11-21 12:00:00+00'
/** What patronictl asks before it lets a cluster be forgotten. */
const CONFIRMED = String.raw`printf 'manyhands\nYes I am aware\n' | `

/** What operators do to a site of several hosts while people use it, as docs/operations says it. */
export const runbookTrials = [
  { name: 'runbook: a copy made anew', run: makeCopyAnew },
  { name: 'runbook: secrets rotated', run: rotate },
  { name: 'runbook: the address moved by hand', run: moveAddress },
  { name: 'runbook: work on a host of databases', run: workOnHost },
  { name: 'runbook: a lost host of databases replaced', run: replaceDatabase },
  { name: 'runbook: the lost host of backups, figures and files replaced', run: replaceBackups },
]

async function makeCopyAnew(site: HaSite): Promise<Measured> {
  const primary = await site.primary()
  const copy = site.databases.find((name) => name !== primary) ?? ''
  const page = ['fail-over.md', '## A copy that does not catch up'] as const
  const short = { patronictl: 'patronictl -c /etc/patroni/config.yml', NAME: copy }
  const began = Date.now()
  for (const command of commandsOf(...page, short)) await typeOn(copy, command)
  for (const command of commandsOf('install-ha.md', '**A look at it**')) await typeOn(copy, command)
  // It says that it was begun.
  await sleep(5_000)
  await site.healthy()
  return { text: `${copy} follows again after ${secondsSince(began)} s`, isKept: true }
}

async function rotate(site: HaSite): Promise<Measured> {
  const began = Date.now()
  await rotateSecrets('app1', site.folder)
  return { text: `two runs of site.yml in ${secondsSince(began)} s`, isKept: true }
}

async function moveAddress(site: HaSite): Promise<Measured> {
  const holder = await holderOf(site.folder)
  const type = async (words: string) => {
    for (const command of commandsOf('application-hosts.md', words)) await typeOn(holder, command)
  }
  const began = Date.now()
  await type('**To move it by hand**')
  try {
    let next = ''
    await untilTrue('another host has the address', async () => {
      next = await holderOf(site.folder, holder).catch(() => '')
      return next !== ''
    })
    const seconds = secondsSince(began)
    return { text: `from ${holder} to ${next} after ${seconds} s`, isKept: seconds <= 5 }
  } finally {
    await type('When another one has it')
  }
}

async function workOnHost(site: HaSite): Promise<Measured> {
  const primary = await site.primary()
  const copy = site.databases.find((name) => name !== primary) ?? ''
  const type = async (words: string) => {
    for (const command of commandsOf('fail-over.md', words)) await typeOn(copy, command)
  }
  const asked = `exec 3<>/dev/tcp/${await addressOf(copy)}/8008 && printf 'GET /replica HTTP/1.0\\r\\n\\r\\n' >&3 && head -1 <&3`
  await type('Take a copy out of the reads')
  await untilTrue(`${copy} is out of the reads`, async () => (await said(copy, asked)).includes(' 503 '))
  await type('once its `/replica`')
  await provision(site.folder)
  await site.healthy()
  await untilTrue(`${copy} is read from`, async () => (await said(copy, asked)).includes(' 200 '))
  return { text: `${copy} was out of the reads, stopped, and brought back by site.yml`, isKept: true }
}

async function replaceDatabase(site: HaSite): Promise<Measured> {
  const primary = await site.primary()
  const lost = site.databases.find((name) => name !== primary) ?? ''
  const seconds = await replaceHost(site, lost, 'db4')
  for (const host of hostsOf(site.folder, 'sentinels')) {
    for (const command of commandsOf('redis.md', 'Then let them forget the old one'))
      await typeOn(host, command)
    // Each finds the others again before the next one forgets them.
    await sleep(30_000)
  }
  const members = await site.members()
  const follows = members.some(({ Member, State }) => Member === 'db4' && /running|streaming/.test(State))
  return { text: `${lost} by db4 in ${seconds} s`, isKept: follows }
}

async function replaceBackups(site: HaSite): Promise<Measured> {
  const seconds = await replaceHost(site, 'mon1', 'mon2')
  await typeOn('mon2', 'manyhands-restore-drill')
  // What the lost one had of them comes from the others.
  const bricks = hostsOf(site.folder, 'files').length
  await untilTrue('mon2 has the files', async () => {
    const healing = await said('mon2', 'gluster volume heal files info')
    return healing.split('Number of entries: 0').length > bricks
  })
  return { text: `mon1 by mon2 in ${seconds} s, with a restore from its first backup`, isKept: true }
}

/** Cuts a host's power and gives its lines to another one. @returns how many seconds that took. */
async function replaceHost(site: HaSite, lost: string, newcomer: string): Promise<number> {
  await hosts(['kill', lost])
  const began = Date.now()
  await hosts(['up', newcomer])
  await changeInventory(site.folder, ({ all }) => {
    const { [lost]: _gone, ...staying } = all.hosts
    all.hosts = { ...staying, [newcomer]: {} }
    for (const group of Object.values(all.children)) {
      if (!group?.hosts || !Object.hasOwn(group.hosts, lost)) continue
      const { [lost]: place, ...others } = group.hosts
      group.hosts = { ...others, [newcomer]: place }
    }
  })
  await provision(site.folder)
  await site.healthy()
  return secondsSince(began)
}

/** Brings all hosts back to a chosen second, which loses what came after it: nobody uses the site meanwhile. */
export async function restoreTogether(site: HaSite): Promise<void> {
  const taskRuns = () => site.query('select count(*) from task_run')
  const [first = '', ...others] = site.databases
  const before = await taskRuns()
  await sleep(1_000)
  const moment = await said(first, `date -u '+%F %T+00'`)
  await sleep(2_000)
  await useSite('app1', DOMAIN, site.folder)
  assert.notEqual(await taskRuns(), before)
  for (const host of hostsOf(site.folder, 'app')) await typeOn(host, "systemctl stop 'manyhands-*'")
  for (const host of site.databases) await typeOn(host, 'systemctl stop patroni')
  const page = ['restore.md', '**To a chosen second, on several hosts.**'] as const
  for (const command of commandsOf(...page, { [MOMENT]: moment }))
    await typeOn(first, command.includes(' remove ') ? `${CONFIRMED}${command}` : command)
  while ((await site.primary().catch(() => '')) !== first) await sleep(1_000)
  for (const host of others) await typeOn(host, 'systemctl start patroni')
  await provision(site.folder)
  await site.healthy()
  assert.equal(await taskRuns(), before, `what came after ${moment} is gone, and nothing else`)
  await useSite('app1', DOMAIN, site.folder)
}

const secondsSince = (began: number) => Math.round((Date.now() - began) / 1_000)
