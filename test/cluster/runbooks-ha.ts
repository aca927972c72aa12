import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { said } from './drills.ts'
import type { Measured } from './drills.ts'
import type { HaSite } from './ha-site.ts'
import { DOMAIN, changeInventory, hosts, hostsOf, provision, useSite } from './hosts.ts'
import { rotateSecrets } from './rotate-secrets.ts'
import { commandsOf, typeOn } from './runbook.ts'

const NEWCOMER = 'db4'
const MOMENT = '2026-11-21 12:00:00+00'
/** What patronictl asks before it lets a cluster be forgotten. */
const CONFIRMED = String.raw`printf 'manyhands\nYes I am aware\n' | `

/** What operators do to a site of several hosts while people use it, as docs/operations says it. */
export const runbookTrials = [
  { name: 'runbook: a copy made anew', run: makeCopyAnew },
  { name: 'runbook: secrets rotated', run: rotate },
  { name: 'runbook: a lost host of databases replaced', run: replaceHost },
]

async function makeCopyAnew(site: HaSite): Promise<Measured> {
  const primary = await site.primary()
  const copy = site.databases.find((name) => name !== primary) ?? ''
  const page = ['fail-over.md', '## A copy that does not catch up'] as const
  const short = { patronictl: 'patronictl -c /etc/patroni/config.yml', NAME: copy }
  const began = Date.now()
  for (const command of commandsOf(...page, short)) await typeOn(copy, command)
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

async function replaceHost(site: HaSite): Promise<Measured> {
  const primary = await site.primary()
  const lost = site.databases.find((name) => name !== primary) ?? ''
  await hosts(['kill', lost])
  const began = Date.now()
  await hosts(['up', NEWCOMER])
  await changeInventory(site.folder, ({ all }) => {
    const { [lost]: _gone, ...staying } = all.hosts
    all.hosts = { ...staying, [NEWCOMER]: {} }
    for (const group of Object.values(all.children)) {
      if (!group?.hosts || !Object.hasOwn(group.hosts, lost)) continue
      const { [lost]: place, ...others } = group.hosts
      group.hosts = { ...others, [NEWCOMER]: place }
    }
  })
  await provision(site.folder)
  await site.healthy()
  for (const host of hostsOf(site.folder, 'sentinels')) {
    for (const command of commandsOf('redis.md', 'Then let them forget the old one'))
      await typeOn(host, command)
    // Each finds the others again before the next one forgets them.
    await sleep(30_000)
  }
  const members = await site.members()
  const follows = members.some(({ Member, State }) => Member === NEWCOMER && /running|streaming/.test(State))
  return { text: `${lost} by ${NEWCOMER} in ${secondsSince(began)} s`, isKept: follows }
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
