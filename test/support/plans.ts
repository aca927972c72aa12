import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { TestApp } from './app.ts'
import type { PlanNode, PlannedStatement } from './queries.ts'
import { databaseOf, onPrimary, waitForReplica } from './servers.ts'

/** PostgreSQL tells whoever sends a statement how it is done, and what functions and triggers do for it. */
const TOLD = {
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_nested_statements': 'on',
  'auto_explain.log_format': 'json',
  'auto_explain.log_level': 'notice',
}

/**
 * Lets an application's connections begin with these settings; those that are there end.
 *
 * @param settings of PostgreSQL, besides those by which it tells its plans.
 */
export async function tellPlans(site: TestApp, settings: Readonly<Record<string, string>>): Promise<void> {
  const database = databaseOf(site.env)
  await onPrimary(database, async (client) => {
    for (const [name, value] of Object.entries({ ...TOLD, ...settings }))
      await client.query(`alter database ${database} set ${name} = '${value}'`)
  })
  await waitForReplica()
  const pools = Object.values(site.app.database.pools)
  for (const pool of pools) await endIdle(pool)
}

/** Connections that are asked for once more than there are of them are all idle ones: each is thrown away. */
async function endIdle(pool: pg.Pool): Promise<void> {
  while (pool.totalCount > 0) {
    if (pool.idleCount > 0) (await pool.connect()).release(true)
    else await sleep(5)
  }
}

interface ToldPlan {
  'Query Text': string
  Plan: PlanNode
}

/** The plan of each statement that this process has done meanwhile, after `tellPlans`. */
export async function recordPlans(work: () => Promise<unknown>): Promise<PlannedStatement[]> {
  const planned: PlannedStatement[] = []
  const heard = new WeakSet<pg.Client>()
  const note = ({ message = '' }: { message?: string | undefined }) => {
    const [, json] = /^duration: [\d.]+ ms {2}plan:\n(\{.*\})\s*$/s.exec(message) ?? []
    if (json === undefined) return
    const { 'Query Text': text, Plan: plan } = JSON.parse(json) as ToldPlan
    planned.push({ text, plan })
  }
  const { prototype } = pg.Client
  const original = Reflect.get(prototype, 'query') as (...given: unknown[]) => unknown
  Reflect.set(prototype, 'query', function (this: pg.Client, ...given: unknown[]) {
    if (!heard.has(this)) this.on('notice', note)
    heard.add(this)
    return Reflect.apply(original, this, given)
  })
  try {
    await work()
  } finally {
    Reflect.set(prototype, 'query', original)
  }
  return planned
}
