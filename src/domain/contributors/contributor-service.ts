import { LRUCache } from 'lru-cache'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Sealer } from '../../platform/sealing.ts'
import {
  countSkipped,
  findContributor,
  listExternalContributors,
  upsertContributor,
} from './contributor-repository.ts'
import type { ContributorColumns } from './contributor-repository.ts'

/** Who would be the contributor of a task run: how a request knows somebody. */
export type ContributorKey =
  | { readonly kind: 'user'; readonly userId: number }
  | { readonly kind: 'device'; readonly deviceId: string }
  | { readonly kind: 'external'; readonly projectId: number; readonly externalUid: string }
  | { readonly kind: 'address'; readonly address: string }

/** A contributor is never renumbered, so an id may be remembered for good. */
const known = new WeakMap<Sealer, LRUCache<string, number>>()

function cacheOf(app: Pick<App, 'sealer'>): LRUCache<string, number> {
  let cache = known.get(app.sealer)
  if (!cache) {
    cache = new LRUCache({ max: 50_000 })
    known.set(app.sealer, cache)
  }
  return cache
}

/** The contributor's id; its row is made when this is the first time we see it. */
export async function resolveContributor(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  key: ContributorKey,
): Promise<number> {
  const cache = cacheOf(app)
  const name = JSON.stringify(key)
  const remembered = cache.get(name)
  if (remembered !== undefined) return remembered
  const id = await db.call((primary) => upsertContributor(primary, columnsOf(app.sealer, key)), {
    silent: true,
  })
  cache.set(name, id)
  return id
}

/** The id of a contributor who has requested or answered something before. */
export async function findKnownContributor(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  key: ContributorKey,
): Promise<number | undefined> {
  return (
    cacheOf(app).get(JSON.stringify(key)) ??
    db.readPrimary((primary) => findContributor(primary, columnsOf(app.sealer, key)))
  )
}

/** The ids of somebody who has requested or answered something before: one whom other sites know has one for each project. */
export async function findContributorIds(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  who: ContributorKey | { readonly externalUid: string },
): Promise<number[]> {
  if (!('kind' in who)) return db.read((reader) => listExternalContributors(reader, who.externalUid))
  const id = await findKnownContributor(app, db, who)
  return id === undefined ? [] : [id]
}

/** The address that stands for somebody without an account; null for anybody else. */
export function madeUpIpOf(app: Pick<App, 'sealer'>, key: ContributorKey): string | null {
  return columnsOf(app.sealer, key).madeUpIp ?? null
}

/** How many tasks of a project wait for this contributor because of a skip; they come back within a day. */
export async function skippedTasks(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  projectId: number,
  key: ContributorKey,
): Promise<number> {
  const id = await findKnownContributor(app, db, key)
  return id === undefined ? 0 : db.readPrimary((primary) => countSkipped(primary, projectId, id))
}

function columnsOf(sealer: Sealer, key: ContributorKey): ContributorColumns {
  switch (key.kind) {
    case 'user':
      return { kind: 'user', userId: key.userId }
    case 'device':
      return { kind: 'device', deviceId: key.deviceId, madeUpIp: madeUpIp(sealer, `device ${key.deviceId}`) }
    case 'external':
      return { kind: 'external', projectId: key.projectId, externalUid: key.externalUid }
    case 'address': {
      const addressHash = sealer.hash('address', key.address)
      return { kind: 'address', addressHash, madeUpIp: madeUpIp(sealer, `address ${key.address}`) }
    }
  }
}

/** A stable class-E address (240.0.0.0/4, never assigned to anybody) that stands for somebody without an account. */
function madeUpIp(sealer: Sealer, name: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = sealer.hash('made-up-ip', name)
  return `${240 + (a % 15)}.${b}.${c}.${d}`
}
